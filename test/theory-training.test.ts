/**
 * Quantizers by composition in a network that trains. The run is that of the named pair, from a file and from
 * functions.
 */
import { describe, expect, it } from "vitest";
import { load } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { compose, proximals, type Quantizer, quantizers, schedules, transforms } from "../ts/quantizers/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(21, [64, 32], SHAPE, 3);

const network = (weights: Quantizer, activations: Quantizer) =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 9, kernelSize: 3, weightQuantizer: weights, activationQuantizer: activations }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3, name: "head" }),
  ]);

interface Run {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly losses: readonly number[];
  readonly file: Uint8Array;
}

/** Three epochs with warm-up; the last tenth is hard. */
async function run(weights: Quantizer, activations: Quantizer): Promise<Run> {
  const learningRate = schedules.warmup(0.2, schedules.cosine(0.01));
  const options = { workers: 1, seed: 3, optimizer: optimizers.adam({ learningRate }) };
  const trainer = await Trainer.create(network(weights, activations), options);
  try {
    const losses: number[] = [];
    for await (const event of trainer.fit(data, { epochs: 3, batchSize: 16 })) {
      if (event.type === "step") losses.push(event.loss);
    }
    return { weights: await trainer.weights(), losses, file: await trainer.pack() };
  } finally {
    trainer.close();
  }
}

const poly = (v: number): number => (Math.abs(v) < 1 ? v * (2 - Math.abs(v)) : Math.sign(v));
const polyPrime = (v: number): number => Math.max(0, 2 - 2 * Math.abs(v));

describe("training with composed quantizers", () => {
  it("is the run of the named pair, number by number: poly behind the clip is Poly+", async () => {
    const composed = compose({ proximal: "clip", transform: "poly", name: "poly+" });
    const [one, other] = [await run(quantizers.polyPlus(), quantizers.poly()), await run(composed, quantizers.poly())];
    expect(one.losses).toEqual(other.losses);
    expect([...one.weights]).toEqual([...other.weights]);
    expect(one.losses.length).toBe(12);
  });

  it("stays with the named pair as far as the table goes: Poly+ out of the caller's functions", async () => {
    const named = await run(quantizers.polyPlus(), quantizers.poly());
    const parts = [
      { proximal: "clip", transform: transforms.fromFunction(poly, polyPrime) },
      { proximal: proximals.fromFunction((x) => Math.max(-1, Math.min(1, x))), transform: transforms.poly() },
    ] as const;
    for (const part of parts) {
      const { losses, weights } = await run(compose({ ...part, name: "poly-table" }), quantizers.poly());
      for (const [step, loss] of losses.entries())
        expect(Math.abs(loss - (named.losses[step] ?? 0))).toBeLessThan(1e-3);
      expect([...weights.values()].every((values) => values.every(Number.isFinite))).toBe(true);
    }
  });

  it("packs as every quantizer does, schedules and table in the file, and runs from it", async () => {
    const weights = compose({
      proximal: proximals.parq({ start: 0.1, end: 0.8 }),
      transform: transforms.tanh({ t: schedules.window(0, 0.5, schedules.logLinear(1, 8)) }),
      name: "parq-tanh",
    });
    const activations = compose({
      proximal: proximals.proxQuant({ lambda: schedules.accumulated(0.05, 12, { scale: 0.5 }) }),
      // Up to where the sine has its argument's sign.
      transform: transforms.fromFunction(Math.sin, Math.cos, { from: -3, to: 3 }),
      name: "sine",
    });
    const { file } = await run(weights, activations);
    const session = await load(file);
    const attributes = session.graph.nodes.map((node) => node.attributes);
    expect(attributes).toContainEqual(
      expect.objectContaining({ weightQuantizer: weights, activationQuantizer: activations }),
    );
    const scores = session.run(data.test.images.subarray(0, 2 * 36), { count: 2 });
    expect(scores.length).toBe(2 * 3);
    expect(scores.every(Number.isFinite)).toBe(true);
  });
});
