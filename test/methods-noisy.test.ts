/**
 * Noisy supervision: a whole step is that of its definition in f64, whose way back is made of differences. A run begins as the
 * network without it, goes on from checkpoints, and packs the signs of mapped weights alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unpackSigns } from "../ts/io/bits.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { methodOf, methods } from "../ts/methods/index.ts";
import { type Graph, layers, packedParametersOf, parametersOf, sequential } from "../ts/nn/index.ts";
import { kernelMatrix } from "../ts/nn/shapes.ts";
import { mappedWeights } from "../ts/quantizers/filter-map.ts";
import { noisy } from "../ts/quantizers/weight-families.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { noisySigns } from "../ts/train/losses/noisy-signs.ts";
import { applyMethods, checkMethods } from "../ts/train/method.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { testSteps } from "./methods-steps.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary, data } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const graph = binary();
const plain = { graph, optimizer: optimizers.adam(), objective: [losses.crossEntropy()] };

describe("a step", () => {
  const quantizer = noisy({ units: 2 });
  const network = sequential({ inputShape: [5, 4, 2] }, [
    layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", weightQuantizer: quantizer, useBias: false }),
    layers.batchNorm(),
    layers.depthwiseConv2d({ kernelSize: 3, weightQuantizer: quantizer, activationQuantizer: "poly" }),
    layers.hardTanh(),
    layers.flatten(),
    layers.dense({ units: 4, weightQuantizer: quantizer, activationQuantizer: "poly" }),
    layers.hardTanh(),
    layers.dense({ units: 3 }),
  ]);

  testSteps(() => pool, network);
});

const KERNEL = "body/kernel";
const MAPPING = "body/mapping";

describe("the term", () => {
  const rates = { plus: 0.2, minus: 0.05 };
  const changed = (factor: number) => applyMethods([methods.noisySupervision({ factor, units: 2, ...rates })], plain);

  /** The mean over weights of the unbiased loss, from its definition. */
  function termOf(w: Float64Array, mapping: Float64Array, labels: Float64Array): number {
    const t = mappedWeights(w, 8, mapping);
    const loss = (i: number): number => {
      const [value, y] = [t[i]!, labels[i]! >= 0 ? 1 : -1];
      const [own, other] = y > 0 ? [rates.plus, rates.minus] : [rates.minus, rates.plus];
      return ((1 - other) * (value - y) ** 2 - own * (value + y) ** 2) / (1 - rates.plus - rates.minus);
    };
    return t.reduce((sum, _, i) => sum + loss(i), 0) / t.length;
  }

  test("has the value and the gradient of the definition", async () => {
    const start = new Map<string, Float32Array>();
    const stepped = async (factor: number) => {
      const trainer = await trainerOf(graph, {
        methods: [methods.noisySupervision({ factor, units: 2, ...rates })],
        optimizer: optimizers.sgd({ learningRate: 1 }),
      });
      const weights = await trainer.weights();
      // Maps that are no identity.
      weights.set(
        MAPPING,
        weights.get(MAPPING)!.map((_, i) => Math.sin(i + 1) / 4),
      );
      await trainer.setWeights(weights);
      for (const [name, values] of await trainer.weights()) start.set(name, values);
      const { epochs } = await trainer.fit(data, { epochs: 1, batchSize: 50, validate: false });
      return { after: await trainer.weights(), value: epochs[0]?.terms?.["noisy-supervision"] };
    };
    const [without, own] = [await stepped(0), await stepped(2)];
    const [w, mapping] = [Float64Array.from(start.get(KERNEL)!), Float64Array.from(start.get(MAPPING)!)];
    expect(own.value).toBeCloseTo(2 * termOf(w, mapping, w), 5);
    expect(without.value).toBe(0);
    const moved = (name: string, i: number): number => without.after.get(name)![i]! - own.after.get(name)![i]!;
    const slope = (at: Float64Array, i: number, value: (other: Float64Array) => number): number =>
      (value(at.with(i, at[i]! + 1e-5)) - value(at.with(i, at[i]! - 1e-5))) / 2e-5;
    for (const i of mapping.keys())
      expect(moved(MAPPING, i), `mapping ${i}`).toBeCloseTo(2 * slope(mapping, i, (m) => termOf(w, m, w)), 5);
    // BNN clips latent weights, so those are compared that stay within.
    for (const i of w.keys()) {
      if (Math.max(...[without, own].map(({ after }) => Math.abs(after.get(KERNEL)![i]!))) === 1) continue;
      expect(moved(KERNEL, i), `weight ${i}`).toBeCloseTo(2 * slope(w, i, (v) => termOf(v, mapping, w)), 5);
    }
  });

  test("is refused without a network over filters, with rates of a half, and beside other words about weights", async () => {
    const refused = await rejected("argument", trainerOf(graph, { objective: [losses.crossEntropy(), noisySigns()] }));
    expect(refused.message).toMatch(/there are none/);
    expect(() => methods.noisySupervision({ plus: 0.5 })).toThrow(/plus/);
    const subject = { code: "argument", what: "a test" } as const;
    expect(() => checkMethods([methods.siman(), methods.noisySupervision()], subject)).toThrow(/what the weights are/);
    expect(() => applyMethods([methods.noisySupervision()], { ...plain, graph: real })).toThrow(/trains none/);
    expect(changed(1).objective.at(-1)?.facts).toMatchObject({ factor: 1, plus: Math.fround(0.2) });
  });
});

const real: Graph = sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]);

const bitsOf = (file: Uint8Array) => decodeModel(file).parameters.get(KERNEL);

describe("a run", () => {
  const given = {
    methods: [methods.noisySupervision({ factor: 50, units: 3 })],
    optimizer: optimizers.adam({ learningRate: 0.02 }),
  };
  const options = { epochs: 2, batchSize: 16, validate: false } as const;

  test("begins as the network without it, which may have been trained", async () => {
    const [own, without] = [await trainerOf(graph, given), await trainerOf(graph)];
    expect((await own.weights()).get(KERNEL)).toEqual((await without.weights()).get(KERNEL));
    const expectSame = async () => expect(bitsOf(await own.pack())).toEqual(bitsOf(await without.pack()));
    await expectSame();
    await without.fit(data, { ...options, epochs: 1 });
    await own.startFrom(await without.weights());
    await expectSame();
    const file = await (await trainerOf(graph)).pack();
    await own.startFrom(file);
    expect(bitsOf(await own.pack())).toEqual(bitsOf(file));
  });

  test("learns the map, with the same bits from one worker, from two, and from a checkpoint; files hold its signs", async () => {
    const store = memoryStore();
    const first = await trainerOf(graph, given);
    const { epochs } = await first.fit(data, options);
    expect(epochs[1]?.terms?.["noisy-supervision"]).toBeLessThan(epochs[0]?.terms?.["noisy-supervision"] ?? Number.NaN);
    const weights = await first.weights();
    const file = await first.pack();
    const left = await trainerOf(graph, { ...given, workers: 2 });
    for await (const event of left.fit(data, { ...options, checkpoint: store })) if (event.type === "epoch") break;
    const second = await Trainer.resume(store, { methods: methodOf, workers: 2 });
    await second.continueFit(data);
    expect(await second.weights()).toEqual(weights);
    expect(await second.pack()).toEqual(file);
    second.close();
    const parameter = parametersOf(graph).find(({ name }) => name === KERNEL)!;
    const mapped = mappedWeights(Float64Array.from(weights.get(KERNEL)!), 8, weights.get(MAPPING)!);
    expect(mapped.some((t, i) => t >= 0 !== weights.get(KERNEL)![i]! >= 0)).toBe(true);
    const { graph: packed, parameters } = decodeModel(file);
    const bits = unpackSigns(parameters.get(KERNEL) as Uint8Array, kernelMatrix(parameter));
    expect([...bits]).toEqual(Array.from(mapped, (t) => (t >= 0 ? 1 : -1)));
    expect(packedParametersOf(packed).map(({ name }) => name)).toEqual([...parameters.keys()]);
    expect([...parameters.keys()]).not.toContain(MAPPING);
  });
});
