/** No thread outlives its pool, trainer or session: after a failed start, a failed run, and a proper end. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { loadParallel, type ParallelOptions } from "../ts/inference/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { timerSet } from "./fake-clock.ts";
import { awkwardWeights, engineWith } from "./inference-helpers.ts";
import { failureWithThreads, leftAlone, type Obstacle, withThreads } from "./worker-spy.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("a pool", () => {
  test.each<readonly [Obstacle["kind"], number, number, string, RegExp]>([
    ["throws", 0, 3, "worker", /no start/],
    ["throws", 2, 3, "worker", /no start/],
    ["exits", 1, 3, "worker", /it exited with code 3/],
    ["answers", 1, 3, "environment", /not enough memory: out of memory/],
    ["refused", 0, 0, "worker", /no thread can be made/],
  ])("ends every thread where one %s, the one of number %i", async (kind, index, started, code, message) => {
    const { error, threads } = await failureWithThreads(() => createPool({ workers: 3 }), { index, kind });
    expect(error).toMatchObject({ code, message });
    expect(threads).toHaveLength(started);
    expect(leftAlone(threads)).toEqual([]);
  });

  test.each([0, 2])("gives up after a minute where thread %i does not answer, and ends them all", async (index) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const failing = failureWithThreads(() => createPool({ workers: 3 }), { index, kind: "sleeps" });
    let over = false;
    void failing.then(() => {
      over = true;
    });
    await timerSet();
    await vi.advanceTimersByTimeAsync(59_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const { error, threads } = await failing;
    expect(error).toMatchObject({ code: "worker", message: "the workers did not start within 60 s" });
    expect(threads).toHaveLength(3);
    expect(leftAlone(threads)).toEqual([]);
  });

  test.each<readonly [string, Obstacle | undefined]>([
    ["started", undefined],
    ["failed", { index: 1, kind: "throws" }],
  ])("leaves no timer behind once it has %s", async (_, obstacle) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { result } = await withThreads(() => createPool({ workers: 2 }).catch(() => undefined), obstacle);
    expect(vi.getTimerCount()).toBe(0);
    result?.close();
  });

  test("ends its threads where it is closed, and keeps them while it is not", async () => {
    const { result: pool, threads } = await withThreads(() => createPool({ workers: 3 }));
    expect(leftAlone(threads)).toHaveLength(3);
    pool.close();
    expect(leftAlone(threads)).toEqual([]);
  });

  test("ends the others where one of them dies", async () => {
    const { result: pool, threads } = await withThreads(() => createPool({ workers: 3 }));
    const dead = new Promise((resolve) => threads[1]?.once("exit", resolve));
    await threads[1]?.terminate();
    await dead;
    await expect(pool.reserve(16)).rejects.toMatchObject({ code: "worker" });
    expect(leftAlone(threads)).toEqual([]);
  });
});

const small = sequential({ inputShape: [6, 6, 1] }, [
  layers.conv2d({ filters: 4, kernelSize: 3 }),
  layers.batchNorm({ name: "norm" }),
  layers.flatten(),
  layers.binaryDense({ units: 3 }),
]);

/** Images so large that 256 of them are more than the core can hold. */
const large = sequential({ inputShape: [1024, 1024, 4] }, [
  layers.conv2d({ filters: 1, kernelSize: 1, strides: 256 }),
  layers.flatten(),
  layers.dense({ units: 2 }),
]);

test.each<readonly [string, Graph, Parameters<typeof Trainer.create>[1], string]>([
  ["no rule for a parameter", small, { optimizer: optimizers.bop() }, "argument"],
  ["more memory than there is", wide(), {}, "environment"],
])("a trainer that fails for %s ends the threads that it has started", async (_, graph, options, code) => {
  const { error, threads } = await failureWithThreads(() => Trainer.create(graph, { workers: 2, ...options }));
  expect(error).toMatchObject({ code });
  expect(threads).toHaveLength(2);
  expect(leftAlone(threads)).toEqual([]);
});

/** A network with more parameters than the core can hold beside the optimizer's state and the last good values. */
function wide(): Graph {
  return sequential({ inputShape: [1 << 14] }, [layers.dense({ units: 1 << 14 }), layers.dense({ units: 2 })]);
}

describe("a parallel session", () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await createPool({ workers: 1 });
  });
  afterAll(() => pool.close());

  const fileOf = async (graph: Graph, norm?: Float32Array): Promise<Uint8Array> => {
    const weights = awkwardWeights(graph, 4);
    if (norm !== undefined) weights.set("norm/gamma", norm);
    return pack(await engineWith(pool, graph, weights), {});
  };

  test.each<readonly [string, Graph, Float32Array | undefined, Partial<ParallelOptions>, string]>([
    ["a batch norm that is not finite", small, new Float32Array(4).fill(3e38), {}, "not-finite"],
    ["more memory than there is", large, undefined, { batch: 256, maxMemory: 2 ** 40 }, "environment"],
  ])("ends the threads that it has started where it meets %s", async (_, graph, norm, options, code) => {
    const file = await fileOf(graph, norm);
    const { error, threads } = await failureWithThreads(() => loadParallel(file, { workers: 2, ...options }));
    expect(error).toMatchObject({ code });
    expect(threads).toHaveLength(2);
    expect(leftAlone(threads)).toEqual([]);
  });

  test.each<readonly [Obstacle["kind"], number]>([
    ["throws", 1],
    ["exits", 0],
    ["refused", 0],
  ])("ends every thread where one %s, the one of number %i", async (kind, index) => {
    const file = await fileOf(small);
    const { error, threads } = await failureWithThreads(() => loadParallel(file, { workers: 2 }), { index, kind });
    expect(error).toMatchObject({ code: "worker" });
    expect(leftAlone(threads)).toEqual([]);
  });

  test("starts none where an option is wrong", async () => {
    const file = await fileOf(small);
    for (const more of [{ batch: 0 }, { kernel: "lookdown" }, { variant: "plain" }, { variant: "turbo" }]) {
      const options = { workers: 2, ...more } as unknown as ParallelOptions;
      const { threads } = await failureWithThreads(() => loadParallel(file, options));
      expect(threads, JSON.stringify(more)).toEqual([]);
    }
  });
});
