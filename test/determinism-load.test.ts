/** The guarantee: threads that get no processor for a while, in any number, change no byte of a run. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";

const graph = sequential({ inputShape: [6, 6, 2] }, [
  layers.conv2d({ filters: 5, kernelSize: 3, useBias: false }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 7, kernelSize: 2 }),
  layers.batchNorm(),
  layers.flatten(),
  layers.binaryDense({ units: 6 }),
  layers.batchNorm(),
  layers.dense({ units: 3 }),
]);
const data = randomDataset(2, [64, 16], [6, 6, 2], 3);

async function trained(workers: number): Promise<string> {
  const optimizer = optimizers.adam({ learningRate: 0.01 });
  const trainer = await Trainer.create(graph, { workers, optimizer, seed: 5 });
  try {
    for await (const _ of trainer.fit(data, { epochs: 1, batchSize: 16 }));
    expect(trainer.workers).toBe(workers);
    return Buffer.from(await trainer.pack()).toString("hex");
  } finally {
    trainer.close();
  }
}

let busy: readonly Worker[] = [];
beforeAll(() => {
  busy = Array.from({ length: availableParallelism() }, () => new Worker("for (;;);", { eval: true }));
});
afterAll(async () => {
  await Promise.all(busy.map((worker) => worker.terminate()));
});

test("1, 2, 3, 5 and 8 workers beside as many busy threads as processors give the same bytes", async () => {
  const found: string[] = [];
  for (const workers of [1, 2, 3, 5, 8]) found.push(await trained(workers));
  expect(found[0]?.length).toBeGreaterThan(1000);
  expect(found).toEqual(found.map(() => found[0]));
});
