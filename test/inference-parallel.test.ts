/**
 * The guarantees of sessions on several threads: the bits of one thread whatever the number of workers, images and kernels;
 * and no call that hangs or ends without a word.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, loadParallel, type ParallelOptions } from "../ts/inference/index.ts";
import { functional, type Graph, input, layers, model, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { awkwardWeights, bits, engineWith, inputMetadata } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { callsTo, withThreads } from "./worker-spy.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** Every kind of layer and of group, with sizes that do not divide well. */
function mixed(): Graph {
  const hard = { weightQuantizer: "bc", activationQuantizer: "poly" };
  const start = input({ shape: [11, 9, 3] });
  const stem = layers
    .relu()
    .apply(layers.batchNorm().apply(layers.conv2d({ filters: 70, kernelSize: 3, strides: 2 }).apply(start)));
  const moved = layers.rsign().apply(stem);
  const branch = layers.batchNorm().apply(layers.binaryConv2d({ filters: 70, kernelSize: 3 }).apply(moved));
  const joined = layers.rprelu().apply(layers.add().apply([branch, stem]));
  const onBits = layers
    .batchNorm()
    .apply(
      layers
        .maxPool2d({ poolSize: 3, strides: 1, padding: "same" })
        .apply(layers.binaryConv2d({ filters: 65, kernelSize: 3, padValue: "one" }).apply(joined)),
    );
  const biased = layers.conv2d({ ...hard, filters: 33, kernelSize: 2, useBias: true }).apply(onBits);
  const half = layers
    .conv2d({ filters: 12, kernelSize: 3, padding: "same", activationQuantizer: "poly" })
    .apply(biased);
  const pooled = layers
    .avgPool2d({ padding: "same" })
    .apply(layers.adaptiveSign().apply(layers.hardTanh().apply(half)));
  const flat = layers.flatten().apply(layers.maxPool2d({ poolSize: 2, strides: 1 }).apply(pooled));
  const hidden = layers.batchNorm().apply(layers.binaryDense({ units: 97 }).apply(flat));
  return functional({
    inputs: start,
    outputs: layers.dense({ units: 4 }).apply(layers.binaryDense({ units: 40 }).apply(hidden)),
  });
}

const networks: readonly (readonly [string, Graph])[] = [
  ["every kind of layer", mixed()],
  ["resnet20", model("resnet20", { inputShape: [16, 16, 3], classes: 4 })],
  ["sums in 8 bits", model("cnn", { inputShape: [13, 11, 3], classes: 4, accumulator: "wrap", binaryHead: true })],
  ["a perceptron", model("mlp", { inputShape: [6, 6, 1], classes: 4 })],
];

async function fileOf(graph: Graph, shape: readonly number[], images: number) {
  const split = randomSplit(4, images, shape as [number, number, number], 4);
  const engine = await engineWith(pool, graph, awkwardWeights(graph, 4));
  return { split, file: await pack(engine, inputMetadata(split)) };
}

describe("the bits of one thread", () => {
  test.each(networks)("%s", async (_title, graph) => {
    const shape = graph.nodes.find((node) => node.op === "input")?.attributes.shape as readonly number[];
    const { split, file } = await fileOf(graph, shape, 7);
    const single = await load(file, { kernel: "lookup" });
    const wanted = bits(single.run(split.images, { count: split.count }));
    const floats = Float32Array.from(split.images, (byte) => Math.fround(byte * split.scale) + split.offset);
    const wantedOfFloats = bits(single.run(floats, { count: split.count }));
    const settings: readonly ParallelOptions[] = [
      { workers: 1 },
      { workers: 2 },
      { workers: 5, kernel: "lookup" },
      { workers: 2, kernel: "popcnt8" },
      { workers: 3, kernel: "popcnt64", variant: "plain-shared" },
      { workers: 2, batch: 4 },
      { workers: 3, batch: 32, kernel: "popcnt64" },
    ];
    for (const options of settings) {
      const session = await loadParallel(file, options);
      expect(bits(await session.run(split.images, { count: split.count })), JSON.stringify(options)).toEqual(wanted);
      expect(bits(await session.run(floats, { count: split.count })), JSON.stringify(options)).toEqual(wantedOfFloats);
      expect(bits(await session.run(split.images.subarray(0, split.images.length / 7)))).toEqual(
        wanted.slice(0, session.classes),
      );
      session.close();
    }
  });
});

const small = sequential({ inputShape: [6, 6, 2] }, [
  layers.conv2d({ filters: 6, kernelSize: 3, name: "real" }),
  layers.batchNorm({ name: "norm" }),
  layers.binaryConv2d({ filters: 40, kernelSize: 3 }),
  layers.batchNorm(),
  layers.flatten(),
  layers.binaryDense({ units: 3 }),
]);

describe("a parallel session", () => {
  test("says what a session says, and takes runs in turn", async () => {
    const { split, file } = await fileOf(small, [6, 6, 2], 6);
    const single = await load(file);
    const session = await loadParallel(file, { workers: 2, batch: 2 });
    expect(session).toMatchObject({ workers: 2, classes: 3, metadata: single.metadata, graph: single.graph });
    expect(session.inputShape).toEqual([6, 6, 2]);
    expect((await session.explain()).variant).toBe("relaxed-shared");
    expect((await session.explain()).memoryBytes).toBeGreaterThan(0);
    const parts = Array.from({ length: 6 }, (_, i) => split.images.subarray(72 * i, 72 * (i + 1)));
    const results = await Promise.all(parts.map((part) => session.run(part)));
    expect(results.map(bits)).toEqual(parts.map((part) => bits(single.run(part))));
    session.close();
    await expect(session.explain()).rejects.toMatchObject({ code: "worker" });
    await expect(session.run(split.images, { count: 6 })).rejects.toMatchObject({ code: "worker" });
  });

  test("sends a program once for each kind of images and number of blocks", async () => {
    const { split, file } = await fileOf(small, [6, 6, 2], 4);
    const { result: session, threads } = await withThreads(() => loadParallel(file, { workers: 2, batch: 4 }));
    const floats = Float32Array.from(split.images);
    const sentAfter = async (images: Uint8Array | Float32Array): Promise<readonly number[]> => {
      await session.run(images, { count: 4 });
      return threads.map((thread) => callsTo(thread).filter((name) => name === "define").length);
    };
    expect(await sentAfter(split.images)).toEqual([1, 1]);
    expect(await sentAfter(split.images)).toEqual([1, 1]);
    expect(await sentAfter(floats)).toEqual([2, 2]);
    expect(await sentAfter(split.images)).toEqual([2, 2]);
    expect(await sentAfter(floats)).toEqual([2, 2]);
    session.close();
  });

  test("refuses what a session refuses, and goes on", async () => {
    const { split, file } = await fileOf(small, [6, 6, 2], 2);
    const session = await loadParallel(file, { workers: 2 });
    await expect(session.run(new Uint8Array(71))).rejects.toMatchObject({ code: "shape" });
    await expect(session.run("72" as unknown as Uint8Array)).rejects.toMatchObject({
      code: "argument",
      remedy: expect.stringMatching(/bytes from 0 to 255/),
    });
    const bad = new Float32Array(72);
    bad[5] = Number.NaN;
    await expect(session.run(bad)).rejects.toMatchObject({
      code: "not-finite",
      message: expect.stringMatching(/number 5/),
    });
    expect(await session.run(split.images, { count: split.count })).toHaveLength(6);
    session.close();
  });

  test("names the layer that met NaN, and goes on", async () => {
    // Infinity times a gamma of 0 is NaN.
    const weights = awkwardWeights(small, 8);
    weights.set("real/kernel", new Float32Array(9 * 2 * 6).fill(1e3));
    weights.set("norm/gamma", new Float32Array(6));
    const file = await pack(await engineWith(pool, small, weights), {});
    for (const options of [{ workers: 2 }, { workers: 2, batch: 4 }]) {
      const session = await loadParallel(file, options);
      const good = new Float32Array(2 * 72).fill(0.5);
      const wanted = bits(await session.run(good, { count: 2 }));
      const loud = good.slice().fill(3e38, 72);
      await expect(session.run(loud, { count: 2 })).rejects.toMatchObject({
        code: "not-finite",
        message: expect.stringMatching(/"norm"/),
      });
      expect(bits(await session.run(good, { count: 2 }))).toEqual(wanted);
      session.close();
    }
  });

  test.each([
    [{}, "argument"],
    [{ workers: 0 }, "argument"],
    [{ workers: 65 }, "argument"],
    [{ workers: 1.5 }, "argument"],
    [{ workers: "2" }, "argument"],
    [{ workers: 2, batch: 0 }, "argument"],
    [{ workers: 2, batch: 257 }, "argument"],
    [{ workers: 2, threads: 2 }, "argument"],
    [{ workers: 2, kernel: "lookdown" }, "argument"],
    [{ workers: 2, variant: "turbo" }, "argument"],
    [{ workers: 2, variant: "plain" }, "environment"],
    [undefined, "argument"],
    [null, "argument"],
  ])("options %o are refused", async (options, code) => {
    const { file } = await fileOf(small, [6, 6, 2], 1);
    await expect(loadParallel(file, options as unknown as ParallelOptions)).rejects.toMatchObject({ code });
  });

  test("a file that is damaged starts no thread", async () => {
    const { file } = await fileOf(small, [6, 6, 2], 1);
    const { threads } = await withThreads(async () => {
      await expect(loadParallel(file.subarray(0, 99), { workers: 2 })).rejects.toMatchObject({ code: "model-file" });
    });
    expect(threads).toEqual([]);
  });

  test("where memory cannot be shared, the error says what to do", async () => {
    const { file } = await fileOf(small, [6, 6, 2], 1);
    const own = globalThis.SharedArrayBuffer;
    Object.defineProperty(globalThis, "SharedArrayBuffer", { value: undefined, configurable: true, writable: true });
    try {
      await expect(loadParallel(file, { workers: 2 })).rejects.toMatchObject({
        code: "environment",
        remedy: expect.stringMatching(/Cross-Origin-Opener-Policy/),
      });
    } finally {
      Object.defineProperty(globalThis, "SharedArrayBuffer", { value: own, configurable: true, writable: true });
    }
  });

  test.each([0, 1] as const)("worker %i of 2 dies: what runs and what comes reject", async (victim) => {
    const { split, file } = await fileOf(small, [6, 6, 2], 200);
    const { result: session, threads } = await withThreads(() => loadParallel(file, { workers: 2 }));
    expect(threads).toHaveLength(2);
    const running = [
      session.run(split.images, { count: split.count }),
      session.run(split.images, { count: split.count }),
    ].map((run) =>
      run.then(
        () => "done",
        (error: { code?: unknown }) => error.code,
      ),
    );
    void threads[victim]?.terminate();
    expect((await Promise.all(running)).at(-1)).toBe("worker");
    await expect(session.run(split.images, { count: split.count })).rejects.toMatchObject({
      code: "worker",
      remedy: expect.stringMatching(/session/),
    });
  });

  test("closed, it rejects what waits and what comes", async () => {
    const { split, file } = await fileOf(small, [6, 6, 2], 200);
    const session = await loadParallel(file, { workers: 2 });
    const running = session.run(split.images, { count: split.count });
    session.close();
    await expect(running).rejects.toMatchObject({ code: "worker", message: expect.stringMatching(/closed/) });
    await expect(session.run(split.images, { count: split.count })).rejects.toMatchObject({
      code: "worker",
      message: expect.stringMatching(/closed/),
    });
    session.close();
  });
});
