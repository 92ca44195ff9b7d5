/**
 * The guarantee: a run is a function of graph, data, seed and options. The number of workers and the build of the core
 * change nothing. Weights keep every bit, the file keeps every byte.
 */
import { describe, expect, test } from "vitest";
import { functional, type Graph, input, layers } from "../ts/nn/index.ts";
import type { Variant } from "../ts/runtime/variants.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer, type TrainerOptions } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";

/** All three products, batch norm, pools, a fork, a bias and learned slopes. Each is cut into lanes and added up. */
function network(): Graph {
  const start = input({ shape: [9, 9, 3] });
  const real = layers.conv2d({ filters: 13, kernelSize: 3, padding: "same", useBias: false });
  const stem = layers.batchNorm().apply(layers.maxPool2d().apply(real.apply(start)));
  const moved = layers.rsign().apply(stem);
  const scaled = layers.binaryConv2d({ filters: 13, kernelSize: 3, weightQuantizer: "xnor" });
  const branch = layers.batchNorm().apply(scaled.apply(moved));
  const joined = layers.rprelu().apply(layers.add().apply([branch, stem]));
  const mixed = layers
    .conv2d({ filters: 9, kernelSize: 2, weightQuantizer: "adabin", activationQuantizer: "bnn++" })
    .apply(joined);
  const two = layers.adaptiveSign().apply(layers.flatten().apply(mixed));
  const wide = layers.dense({ units: 19, weightQuantizer: "pc" }).apply(two);
  const clipped = layers.dense({ units: 11, weightQuantizer: "recu" }).apply(layers.batchNorm().apply(wide));
  const last = layers.dense({ units: 5 }).apply(layers.batchNorm().apply(clipped));
  return functional({ inputs: start, outputs: last });
}

/** 50 images: three batches of 16 and two left over. */
const data = randomDataset(1, [50, 21], [9, 9, 3], 5);

interface Run {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly bytes: Uint8Array;
  readonly losses: readonly number[];
  readonly predictions: readonly number[];
  readonly workers: number;
  readonly variant: Variant;
}

async function run(options: TrainerOptions): Promise<Run> {
  const trainer = await Trainer.create(network(), {
    optimizer: optimizers.adam({ learningRate: 0.01 }),
    seed: 7,
    ...options,
  });
  try {
    const losses: number[] = [];
    for await (const event of trainer.fit(data, { epochs: 3, batchSize: 16 })) {
      losses.push(event.loss);
      if (event.type === "epoch") losses.push(event.validation?.loss as number);
    }
    const { predictions } = await trainer.evaluate(data.test, { batchSize: 8 });
    const bytes = await trainer.pack({ dataset: "random" });
    const { workers, variant } = trainer;
    return { weights: await trainer.weights(), bytes, losses, predictions: [...predictions], workers, variant };
  } finally {
    trainer.close();
  }
}

/** The bits of every weight: 0 and -0 differ, equal NaN would not pass for different. */
const bits = ({ weights }: Run): unknown =>
  [...weights].map(([name, values]) => [
    name,
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex"),
  ]);

const reference = run({ workers: 1, variant: "plain-shared" });

describe("the same bits", () => {
  const options: TrainerOptions[] = [
    { workers: 2, variant: "plain-shared" },
    { workers: 4, variant: "plain-shared" },
    { workers: 3, variant: "relaxed-shared" },
    { workers: 1, variant: "plain" },
    { workers: 1, variant: "relaxed" },
  ];
  test.each(options)("with $workers workers of $variant", async (given) => {
    const [wanted, result] = [await reference, await run(given)];
    expect({ workers: result.workers, variant: result.variant }).toEqual(given);
    expect(result.losses).toEqual(wanted.losses);
    expect(result.predictions).toEqual(wanted.predictions);
    expect(bits(result)).toEqual(bits(wanted));
    expect(Buffer.compare(result.bytes, wanted.bytes)).toBe(0);
  });

  test("in a second run", async () => {
    const result = await run({ workers: 1, variant: "plain-shared" });
    expect(bits(result)).toEqual(bits(await reference));
    expect(Buffer.compare(result.bytes, (await reference).bytes)).toBe(0);
  });

  test("and training has changed every parameter", async () => {
    const trainer = await Trainer.create(network(), { workers: 1, seed: 7 });
    const before = await trainer.weights();
    trainer.close();
    const { weights } = await reference;
    expect(weights.size).toBe(before.size);
    for (const [name, values] of weights) expect(values, name).not.toEqual(before.get(name));
  });
});

test("another seed gives another file", async () => {
  const result = await run({ workers: 1, variant: "plain-shared", seed: 8 });
  expect(Buffer.compare(result.bytes, (await reference).bytes)).not.toBe(0);
  expect(result.losses[0]).not.toBe((await reference).losses[0]);
});

test("an unshared build works with one worker, whatever was asked for", async () => {
  const trainer = await Trainer.create(network(), { workers: 4, variant: "plain", seed: 1 });
  expect(trainer.workers).toBe(1);
  trainer.close();
});
