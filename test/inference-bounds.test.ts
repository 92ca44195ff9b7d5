/** The guarantees towards files of strangers: what they take is counted first, and loading can be given up. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { operationsOf } from "../ts/inference/bounds.ts";
import { load, loadParallel } from "../ts/inference/index.ts";
import { functional, input, layers, sequential } from "../ts/nn/index.ts";
import { blankFile, withoutDigest } from "./blank-models.ts";
import { rejected } from "./io-helpers.ts";

const small = sequential({ inputShape: [6, 6, 2] }, [
  layers.conv2d({ filters: 6, kernelSize: 3, useBias: false }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 8, kernelSize: 3, padding: "same" }),
  layers.flatten(),
  layers.dense({ units: 3 }),
]);
const file = blankFile(small);

/** A file of a few hundred bytes that asks for more than 1 GiB. */
const greedy = blankFile(
  sequential({ inputShape: [8192, 8192, 1] }, [
    layers.upSampling2d({ size: 2 }),
    layers.globalAvgPool2d(),
    layers.dense({ units: 1 }),
  ]),
);

/** Little memory and no weights, and pools that look at each number of a large image 256 times. */
const busy = blankFile(
  sequential({ inputShape: [2048, 2048, 1] }, [
    ...Array.from({ length: 12 }, () => layers.maxPool2d({ poolSize: 16, strides: 1, padding: "same" })),
    layers.globalAvgPool2d(),
    layers.dense({ units: 1 }),
  ]),
);

const allowed = (remedy: string): number => Number(/(?:maxMemory|maxOperations): (\d+)/.exec(remedy)?.[1]);

describe("a file that takes too much", () => {
  test("of memory is refused before any of it is reserved", async () => {
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
    try {
      const { message, remedy } = await rejected(
        "model-file",
        load(greedy, { kernel: "lookup", maxOperations: 2 ** 40 }),
      );
      expect(message).toMatch(/^the network takes \d{10} bytes of memory; maxMemory allows 1073741824$/);
      expect(remedy).toMatch(/^If you trust the file, load it with maxMemory: \d{10}; a smaller batch takes less\.$/);
      expect(grow).not.toHaveBeenCalled();
    } finally {
      grow.mockRestore();
    }
  });

  test("of work is refused", async () => {
    const { message, remedy } = await rejected("model-file", load(busy));
    expect(message).toMatch(/^the network takes \d{12} operations an image; maxOperations allows 34359738368$/);
    expect(allowed(remedy)).toBeGreaterThan(12 * 8 * 256 * 2048 * 2048);
  });

  test("loads with what the remedy says, and not with one less", async () => {
    for (const option of ["maxMemory", "maxOperations"] as const) {
      const needed = allowed((await rejected("model-file", load(file, { [option]: 1 }))).remedy);
      expect((await load(file, { [option]: needed })).classes).toBe(3);
      await rejected("model-file", load(file, { [option]: needed - 1 }));
    }
  });

  test("is refused by a session on several threads too", async () => {
    await rejected("model-file", loadParallel(file, { workers: 1, maxMemory: 1000 }));
    await rejected("model-file", loadParallel(busy, { workers: 1 }));
  });

  test.each([0, 1.5, Number.NaN, "1"])("is no matter for the bound %j", async (bound) => {
    await rejected("argument", load(file, { maxMemory: bound as number }));
    await rejected("argument", load(file, { maxOperations: bound as number }));
  });
});

test("operations are multiply-accumulates, and eight for each number that is read or written", () => {
  const graph = sequential({ inputShape: [4, 4, 2] }, [
    layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }),
    layers.maxPool2d({ poolSize: 3, strides: 1 }),
    layers.flatten(),
  ]);
  const [input, convolved, pooled] = [4 * 4 * 2, 4 * 4 * 3, 2 * 2 * 3];
  const numbers = input + (input + convolved) + (9 * pooled + pooled) + 2 * pooled;
  expect(operationsOf(graph)).toBe(4 * 4 * 9 * 2 * 3 + 8 * numbers);
});

test("operations count an attention matrix, which is written and read", () => {
  const start = input({ shape: [5, 8] });
  const graph = functional({ inputs: start, outputs: layers.attention({ heads: 4 }).apply([start, start, start]) });
  const [value, scores] = [5 * 8, 4 * 5 * 5];
  expect(operationsOf(graph)).toBe(2 * scores * 2 + 8 * (value + (3 * value + value) + 2 * scores));
});

/** Its border has 65,025 patterns of 65,536 taps. Adding up the missing taps of each took minutes. */
test("a kernel as large as its image loads, because sums of missing taps come from a table of sums", async () => {
  const graph = sequential({ inputShape: [255, 255, 1] }, [
    layers.binaryConv2d({ filters: 1, kernelSize: 256, padding: "same", name: "wide" }),
    layers.globalAvgPool2d(),
  ]);
  const session = await load(blankFile(graph), { kernel: "lookup", maxOperations: 2 ** 40 });
  expect((await session.explain()).layers.map(({ node }) => node)).toContain("wide");
}, 60_000);

describe("loading can be given up", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  test("before it begins, and while the core is on its way", async () => {
    await rejected("aborted", load(file, { signal: AbortSignal.abort() }));
    await rejected("aborted", loadParallel(file, { workers: 1, signal: AbortSignal.abort() }));
    const later = new AbortController();
    const loading = load(file, { signal: later.signal });
    later.abort();
    await rejected("aborted", loading);
  });

  test("between two pieces of its set-up", async () => {
    // Every look at the clock finds that a second went by, so that each call of the set-up ends a piece.
    let seconds = 0;
    vi.spyOn(performance, "now").mockImplementation(() => 1000 * seconds++);
    const giveUp = new AbortController();
    let pieces = 0;
    class Counted extends MessageChannel {
      constructor() {
        super();
        if (++pieces === 2) giveUp.abort();
      }
    }
    vi.stubGlobal("MessageChannel", Counted);
    await rejected("aborted", load(file, { kernel: "lookup", variant: "plain", signal: giveUp.signal }));
    expect(pieces).toBe(2);
  });

  test("a signal must be one", async () => {
    await rejected("argument", load(file, { signal: {} as AbortSignal }));
  });
});

test("a session says where its file has no digest", async () => {
  expect((await load(blankFile(small, { dataset: "mnist" }))).metadata).toEqual({ dataset: "mnist" });
  // Whatever its own texts say.
  for (const texts of [{ dataset: "mnist" }, { dataset: "mnist", digest: "murmur3-128:verified" }]) {
    const { metadata } = await load(withoutDigest(blankFile(small, texts)));
    expect(metadata).toEqual({ dataset: "mnist", digest: "none" });
  }
});
