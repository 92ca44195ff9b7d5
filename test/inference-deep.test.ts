/**
 * Deep networks load: the work of it grows with the number of layers and no faster. The engine counts how often each block of
 * our code runs, so no clock is asked.
 */
import { Session } from "node:inspector/promises";
import { afterAll, describe, expect, test } from "vitest";
import type { Graph } from "../ts/nn/graph.ts";

// Code is counted that was compiled while the counter ran, so that it begins before the code is imported.
const counter = new Session();
counter.connect();
await counter.post("Profiler.enable");
await counter.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
const { load } = await import("../ts/inference/index.ts");
const { functional, input, layers, sequential } = await import("../ts/nn/index.ts");
const { limits } = await import("../ts/nn/limits.ts");
const { blankFile } = await import("./blank-models.ts");
afterAll(() => counter.disconnect());

/** The number of times that blocks of code below ts/ ran since the last answer. */
async function blocksRun(): Promise<number> {
  const { result } = await counter.post("Profiler.takePreciseCoverage");
  const own = result.filter(({ url }) => /\/ts\/[^?]*\.ts/.test(url));
  const counts = own.flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges.map(({ count }) => count)));
  return counts.reduce((sum, count) => sum + count, 0);
}

const binary = () => layers.binaryConv2d({ filters: 8, kernelSize: 3, padding: "same" });

/** Networks of so many repetitions. */
const networks: Readonly<Record<string, (count: number) => Graph>> = {
  "chains on bits": (count) =>
    sequential({ inputShape: [4, 4, 8] }, [
      ...Array.from({ length: count }, () => [binary(), layers.batchNorm()]).flat(),
      layers.globalAvgPool2d(),
    ]),
  "residual blocks": (count) => {
    const start = input({ shape: [4, 4, 8] });
    let last = start;
    for (let i = 0; i < count; i++) {
      last = layers.add().apply([layers.batchNorm().apply(binary().apply(last)), last]);
    }
    return functional({ inputs: start, outputs: last });
  },
  "chains of real layers": (count) =>
    sequential(
      { inputShape: [4, 4, 2] },
      Array.from({ length: count }, (_, i) =>
        i % 2 === 0 ? layers.maxPool2d({ poolSize: 2, strides: 1, padding: "same" }) : layers.batchNorm(),
      ),
    ),
  "many readers of one value": (count) => {
    const start = input({ shape: [4, 4, 8] });
    const value = layers.batchNorm().apply(start);
    const read = Array.from({ length: count }, () => layers.batchNorm().apply(binary().apply(value)));
    const sum = read.reduce((sum, one) => layers.add().apply([sum, layers.add().apply([one, value])]));
    return functional({ inputs: start, outputs: sum });
  },
  "one layer in many places": (count) => {
    const start = input({ shape: [8] });
    const shared = layers.dense({ units: 8 });
    let last = start;
    for (let i = 0; i < count; i++) last = shared.apply(last);
    return functional({ inputs: start, outputs: last });
  },
};

describe.each(Object.entries(networks))("%s", (_, network) => {
  test("load with work that grows with their length", async () => {
    const work = async (count: number): Promise<number> => {
      const file = blankFile(network(count));
      await blocksRun();
      await load(file, { kernel: "lookup" });
      return blocksRun();
    };
    // What is done once a process, at its first load, and once a load is left out of the growth.
    await work(50);
    const [short, long] = [await work(100), await work(400)];
    // Four times the work, and a tenth for the engine's counts, which vary by some hundredths where it compiles meanwhile.
    expect(long).toBeLessThan(1.1 * 4 * short);
  });
});

test("as many layers as a graph may have load", async () => {
  const blocks = Math.floor((limits.nodes - 2) / 2);
  const graph = networks["chains on bits"]?.(blocks) as Graph;
  expect(graph.nodes.length).toBeGreaterThan(4000);
  const session = await load(blankFile(graph), { kernel: "lookup" });
  expect(session.run(new Float32Array(4 * 4 * 8)).length).toBe(8);
});
