/**
 * QP-SBGD: a whole step is that of its definition, in f64, where all directions can be tried; no bit depends on workers; files
 * hold plain signs; and what has no signs to search is refused.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adult as adultProblem } from "../bench/qp-sbgd/problems.ts";
import { ProxbitError } from "../ts/base/errors.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { fitByQubo } from "../ts/methods/fit-by-qubo.ts";
import { methods } from "../ts/methods/index.ts";
import { energyOf, type Qubo, quboOf } from "../ts/methods/qubo.ts";
import { freeze, type Graph, layers, sequential } from "../ts/nn/index.ts";
import { randomStream } from "../ts/nn/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { formatTrainingExplanation } from "../ts/train/explain/explain-training-text.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods } from "../ts/train/method.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { DRAWS_AT, type QpSbgd, qpsbgdRule } from "../ts/train/optimizers/qp-sbgd.ts";
import { checkFits } from "../ts/train/optimizers/updates.ts";
import { rejected } from "./io-helpers.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary as convolutions, data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const signs = { weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;

/** Layers of signs with so many inputs, between real ones. */
const network = (inputs: number): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.flatten(),
    layers.dense({ units: inputs, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryDense({ units: 7, name: "body", ...signs }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const rest = optimizers.sgd({ learningRate: 0.05 });

describe("a step", () => {
  test.each([
    ["along the best direction", { learningRate: 0.125 }],
    ["projected", { learningRate: 1.5, projected: true }],
  ])("%s is that of its definition", async (_, options) => {
    const optimizer = caseOptimizer({ binary: optimizers.qpsbgd(options), rest });
    const graph = network(6);
    await expectOracle(pool, { graph, optimizer, images: 8, steps: 2, of: 4 });
    await expectOracle(pool, { graph, optimizer, images: 8, products: "ff" });
  });
});

test("draws follow the run's seed, the parameter and the number of the draw alone", () => {
  const draws = (draw: { readonly parameter: string; readonly seed: number; readonly number: number }) =>
    qpsbgdRule
      .numbers(optimizers.qpsbgd(), { progress: 0, update: 1, clip: 0, draw })
      .slice(DRAWS_AT / 4, DRAWS_AT / 4 + 3);
  const usual = { parameter: "a/kernel", seed: 1, number: 7 };
  expect(draws(usual)).toEqual(draws({ ...usual }));
  expect(draws(usual)[2]).toBe(7);
  expect(draws({ ...usual, number: 8 }).slice(0, 2)).toEqual(draws(usual).slice(0, 2));
  for (const other of [
    { ...usual, seed: 2 },
    { ...usual, parameter: "b/kernel" },
  ]) {
    expect(draws(other).slice(0, 2)).not.toEqual(draws(usual).slice(0, 2));
  }
  for (const number of draws(usual)) expect(Number.isInteger(number) && number >= 0 && number < 2 ** 24).toBe(true);
});

describe("a run", () => {
  const trained = async (workers: number, sweeps: number, seed = 0) => {
    const method = methods.qpSbgd({ sweeps, learningRate: 0.1 });
    const trainer = await trainerOf(network(40), { methods: [method], optimizer: rest, workers, seed });
    const { epochs } = await trainer.fit(data, { epochs: 2, batchSize: 16, validate: false });
    return { weights: await trainer.weights(), file: await trainer.pack(), epochs };
  };

  test("has the same bits with any number of workers, and others where annealing goes on", async () => {
    const [one, two, short] = [await trained(1, 3), await trained(2, 3), await trained(2, 0)];
    expect(two.weights).toEqual(one.weights);
    expect(two.file).toEqual(one.file);
    expect(short.weights.get("body/kernel")).not.toEqual(one.weights.get("body/kernel"));
    const model = decodeModel(one.file);
    expect(model.parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(network(40).nodes.map(({ op }) => op));
  });

  test("moves each weight by the rate, either way", async () => {
    const trainer = await trainerOf(network(40), {
      optimizer: caseOptimizer({ binary: optimizers.qpsbgd({ learningRate: 0.25 }), rest }),
    });
    const before = (await trainer.weights()).get("body/kernel") as Float32Array;
    await trainer.fit({ ...data, train: data.test }, { epochs: 1, batchSize: 21, validate: false });
    const after = (await trainer.weights()).get("body/kernel") as Float32Array;
    const steps = after.map((weight, i) => Math.abs(weight - (before[i] as number)));
    expect(steps.every((step) => Math.abs(step - 0.25) < 1e-6)).toBe(true);
  });
});

const FEATURES = 123;
const adult = { ...data, ...adultProblem(512, 256) };
/** Signs of features, then signs of what the first layer makes of them. */
const classifier = (units: number): Graph =>
  sequential({ inputShape: [FEATURES] }, [
    layers.binaryDense({ units, ...signs, name: "body" }),
    layers.batchNorm(),
    layers.dense({ units: 2, name: "head" }),
  ]);

describe("a problem of the kind of Adult's a1a", () => {
  test("is learned by directions alone, far better than by chance", async () => {
    const method = methods.qpSbgd({ learningRate: 0.1, sweeps: 1 });
    const optimizer = optimizers.adam({ learningRate: 0.01 });
    const trainer = await trainerOf(classifier(8), { methods: [method], optimizer, seed: 3 });
    const { epochs } = await trainer.fit(adult, { epochs: 5, batchSize: 64, soft: false });
    const explanation = trainer.explain({ batchSize: 64 });
    const [body, head] = ["body", "head"].map((name) => explanation.layers.find(({ node }) => node === name));
    expect(body).toMatchObject({ filterGradient: null, search: "search_signs" });
    expect(head).toMatchObject({ filterGradient: { product: "ff" }, search: null });
    expect(formatTrainingExplanation(explanation)).toMatch(/^body .* search /m);
    const frozen = await trainerOf(freeze(classifier(8), ["body"]), { optimizer, seed: 3 });
    const still = await frozen.fit(adult, { epochs: 5, batchSize: 64, soft: false });
    const accuracy = epochs.at(-1)?.validation?.accuracy ?? 0;
    expect(accuracy).toBeGreaterThan(0.75);
    expect(accuracy).toBeGreaterThan((still.epochs.at(-1)?.validation?.accuracy ?? 1) + 0.1);
  });
});

describe("a solver outside", () => {
  const signOf = (bits: number, i: number): number => (Math.floor(bits / 2 ** i) % 2 === 1 ? 1 : -1);

  test("is handed the quadratic model of the search", () => {
    const random = randomStream(4, "qubo");
    const [rows, size] = [5, 4];
    const x = Float64Array.from({ length: rows * size }, () => random.uniform() - 0.5);
    const y = Float64Array.from({ length: rows }, () => random.uniform() - 0.5);
    const problem = quboOf(x, y);
    const root = Math.sqrt(y.reduce((sum, value) => sum + value * value, 0) / rows);
    for (let bits = 0; bits < 2 ** size; bits++) {
      let wanted = 0;
      for (let row = 0; row < rows; row++) {
        let dot = 0;
        for (let i = 0; i < size; i++) dot += ((x[row * size + i] as number) >= 0 ? 1 : -1) * signOf(bits, i);
        wanted += (dot - (Math.sqrt(size) * (y[row] as number)) / root) ** 2;
      }
      const list = Array.from({ length: size }, (_, i) => Math.floor(bits / 2 ** i) % 2);
      expect(energyOf(problem, list)).toBeCloseTo(wanted, 9);
    }
    expect(quboOf([1, -1], [0, 0]).offset).toBe(2);
  });

  test("moves the weights, and the file holds their signs", async () => {
    let asked = 0;
    /** From the side that each bit falls to while all others stand half-way, then once downhill. */
    const solve = ({ size, linear, quadratic }: Qubo): readonly number[] => {
      asked++;
      const bits = new Array<number>(size).fill(0.5);
      const slope = (i: number): number =>
        bits.reduce((sum, bit, j) => {
          const pair = quadratic[j < i ? j * size + i : i * size + j] as number;
          return j === i ? sum : sum + bit * pair;
        }, linear[i] as number);
      const start = bits.map((_, i) => Number(slope(i) < 0));
      for (const [i, bit] of start.entries()) bits[i] = bit;
      for (const i of bits.keys()) bits[i] = Number(slope(i) < 0);
      return bits;
    };
    const binary = optimizers.qpsbgd({ learningRate: 0.1 });
    const all = optimizers.adam({ learningRate: 0.01 });
    const options = { solve, epochs: 2, batchSize: 64, binary, rest: all, seed: 3 };
    const fit = await fitByQubo(classifier(4), adult, options);
    expect(asked).toBe(2 * 8 * 4);
    expect(fit.losses).toHaveLength(2);
    expect(fit.losses[1]).toBeLessThan(fit.losses[0] as number);
    expect(fit.validation.accuracy).toBeGreaterThan(0.6);
    expect(decodeModel(fit.file).parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
    expect((await fitByQubo(classifier(4), adult, options)).file).toEqual(fit.file);
  });

  test.each<[string, unknown]>([
    ["too few bits", [0, 1]],
    ["signs", new Array(FEATURES).fill(-1)],
    ["nothing", undefined],
  ])("is told of %s", async (_, found) => {
    const run = fitByQubo(classifier(2), adult, { solve: () => found as number[], epochs: 1 });
    await rejected("argument", run);
  });

  test.each<[string, () => unknown]>([
    ["signs that fill no rows", () => quboOf([1, 2, 3], [1, 2])],
    ["no rows", () => quboOf([], [])],
    ["rows without signs", () => quboOf([], [1])],
    ["a NaN", () => quboOf([1, Number.NaN], [1])],
    ["a number that is not finite", () => quboOf([1, 2], [Number.POSITIVE_INFINITY])],
    ["a text", () => quboOf("ab" as unknown as number[], [1])],
  ])("gets no problem of %s", (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "argument" }));
  });

  const asksNobody = (): never => {
    throw new Error("the solver was asked");
  };

  test.each<[string, unknown, object?]>([
    ["no data", null],
    ["empty data", {}],
    ["no test examples", { ...adult, test: undefined }],
    ["other inputs", { ...adult, test: data.test }],
    ["a batch larger than the data", adult, { batchSize: adult.train.count + 1 }],
  ])("is not asked where the run is given %s", async (_, given, more = {}) => {
    const run = fitByQubo(classifier(2), given as typeof adult, { solve: asksNobody, epochs: 1, ...more });
    await expect(run).rejects.toBeInstanceOf(ProxbitError);
  });

  test("takes a rule that leaves its numbers out, and is asked once for each neuron over all tokens", async () => {
    const tokens = sequential({ inputShape: [FEATURES] }, [
      layers.reshape({ targetShape: [3, FEATURES / 3] }),
      layers.binaryDense({ units: 3, name: "body", ...signs }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    const sizes: number[] = [];
    const solve = ({ size }: Qubo): readonly number[] => {
      sizes.push(size);
      return new Array<number>(size).fill(1);
    };
    const options = { solve, epochs: 1, batchSize: adult.train.count, binary: { kind: "qpsbgd" } as QpSbgd };
    await fitByQubo(tokens, adult, options);
    expect(sizes).toEqual([FEATURES / 3, FEATURES / 3, FEATURES / 3]);
  });

  test("is not asked for a neuron of which nothing is wanted, whose weights stay", async () => {
    // Through a kernel of zeros no gradient goes back in the one step.
    const silent = sequential({ inputShape: [FEATURES] }, [
      layers.binaryDense({ units: 3, name: "body", ...signs }),
      layers.hardTanh(),
      layers.dense({ units: 2, kernelInitializer: "zeros" }),
    ]);
    const { file } = await fitByQubo(silent, adult, { solve: asksNobody, epochs: 1, batchSize: adult.train.count });
    const before = await (await trainerOf(silent, { seed: 0 })).pack();
    const kernel = (bytes: Uint8Array) => decodeModel(bytes).parameters.get("body/kernel");
    expect(kernel(file)).toEqual(kernel(before));
  });
});

describe("refused", () => {
  const binaryPart = (graph: Graph) => () => checkFits(graph, caseOptimizer({ binary: optimizers.qpsbgd(), rest }));
  const head = (options: Parameters<typeof layers.dense>[0]): Graph =>
    sequential({ inputShape: [4] }, [layers.dense(options)]);

  test.each<[string, () => void, RegExp]>([
    ["convolutions", binaryPart(convolutions()), /searches signs of dense layers/],
    ["real inputs", binaryPart(head({ units: 3, weightQuantizer: "bnn" })), /signs as inputs/],
    ["soft inputs", binaryPart(head({ units: 3, ...signs, activationQuantizer: "poly+" })), /signs as inputs/],
    ["standardised weights", binaryPart(head({ units: 3, ...signs, weightQuantizer: "recu" })), /none of these/],
    ["real parameters", () => checkFits(network(4), optimizers.qpsbgd()), /is for binary weights/],
    [
      "a projection whose weights never turn",
      () => methods.qpSbgd({ projected: true }),
      /turn where the rate is above 1/,
    ],
    ["a rate below 0", () => optimizers.qpsbgd({ learningRate: -1 }), /learningRate/],
    ["half a sweep", () => optimizers.qpsbgd({ sweeps: 0.5 }), /sweeps/],
    [
      "Bop for the rest",
      () =>
        applyMethods([methods.qpSbgd()], {
          ...{ graph: network(4), objective: [losses.crossEntropy()] },
          optimizer: optimizers.bop(),
        }),
      /cannot move them/,
    ],
    [
      "Bop beside it",
      () =>
        applyMethods([methods.qpSbgd()], {
          ...{ graph: network(4), objective: [losses.crossEntropy()] },
          optimizer: caseOptimizer({ binary: optimizers.bop(), rest }),
        }),
      /moves the binary weights, and so does bop/,
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
