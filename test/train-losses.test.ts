/**
 * The terms of the loss: their values and gradients beside those of an f64 oracle, the order in which they are added up, and
 * what is refused.
 */
import { describe, expect, test } from "vitest";
import { makeDataset, split } from "../ts/data/index.ts";
import { functional, type Graph, input, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { noisy } from "../ts/quantizers/weight-families.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { LossTerm } from "../ts/train/losses/term.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { StepEvent } from "../ts/train/run/events.ts";
import type { TrainerOptions } from "../ts/train/run/trainer.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import type { Value } from "./oracle/layers.ts";
import { runNetwork, type Weights } from "./oracle/network.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { binary, data as small } from "./train-networks.ts";

/** Two branches of one shape, whose sum is written by a norm, and two heads, whose sum are the logits. */
function branches(): Graph {
  const start = input({ shape: [5, 4, 2] });
  const branch = (name: string) => {
    const product = layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", useBias: false, name });
    return layers.batchNorm({ name: `${name}_norm` }).apply(product.apply(start));
  };
  const flat = layers.flatten().apply(layers.add({ name: "sum" }).apply([branch("left"), branch("right")]));
  const head = (name: string) => layers.dense({ units: 3, name }).apply(flat);
  return functional({ inputs: start, outputs: layers.add({ name: "logits" }).apply([head("first"), head("second")]) });
}

const graph = branches();
const images = 11;
const data = randomDataset(2, [images, 4], [5, 4, 2], 3);
const weights = randomParameters(graph, 5);
/** The update is minus the gradient. */
const optimizer = optimizers.sgd({ learningRate: 1 });

const squares = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value * value, 0);
const magnitudes = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + Math.abs(value), 0);
const meanDistance = (a: Value, b: Value): number =>
  squares(a.data.map((value, i) => value - (b.data[i] as number))) / a.data.length;

/** Other weights of the network, as a teacher has them. */
const others = randomParameters(graph, 6);

type Numbers = Float64Array | Float32Array | undefined;
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
function kurtosisOf(weights: Numbers): number {
  const all = [...(weights ?? [])];
  const mean = meanOf(all);
  const variance = (meanOf(all.map((w) => (w - mean) ** 2)) * all.length) / (all.length - 1);
  return meanOf(all.map((w) => (w - mean) ** 4)) / variance ** 2;
}
function divergenceOf(own: Numbers, teacher: Numbers, temperature: number): number {
  const shares = (weights: Numbers): readonly number[] => {
    const heights = [...(weights ?? [])].map((w) => Math.exp(w / temperature));
    const sum = heights.reduce((total, height) => total + height, 0);
    return heights.map((height) => height / sum);
  };
  const given = shares(own);
  return shares(teacher).reduce((sum, share, i) => sum + share * Math.log(share / (given[i] as number)), 0);
}
function meanContrast(a: Value, b: Value, temperature: number): number {
  const rowsOf = ({ images: count, data: all }: Value): readonly (readonly number[])[] =>
    Array.from({ length: count }, (_, i) => {
      const row = [...all.subarray((i * all.length) / count, ((i + 1) * all.length) / count)];
      const norm = Math.sqrt(squares(row));
      return row.map((value) => value / norm);
    });
  const [us, vs] = [rowsOf(a), rowsOf(b)];
  const entropies = us.map((u, i) => {
    const logits = vs.map((v) => u.reduce((sum, value, j) => sum + value * (v[j] as number), 0) / temperature);
    return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (logits[i] as number);
  });
  return meanOf(entropies);
}

type Objective = TrainerOptions["objective"];
/** The terms of an objective by their definitions, in its order. */
type Definitions = Readonly<Record<string, (values: ReadonlyMap<string, Value>, weights: Weights) => number>>;
const nodeValue = (values: ReadonlyMap<string, Value>, name: string): Value => values.get(name) as Value;

const kernels = ["left", "right", "first", "second"].map((name) => `${name}/kernel`);
const sineSquare = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + Math.sin(5 * value) ** 2, 0) / values.length;
const objectives: readonly (readonly [string, NonNullable<Objective>, Definitions])[] = [
  [
    "two norms, of which one writes a sum, and all kernels",
    [
      losses.crossEntropy(),
      losses.distance({ between: ["left_norm", "right_norm"], factor: 0.7 }),
      losses.l2({ factor: 0.3 }),
    ],
    {
      crossEntropy: () => 0,
      distance: (values) => 0.7 * meanDistance(nodeValue(values, "left_norm"), nodeValue(values, "right_norm")),
      l2: (_, all) => 0.15 * kernels.reduce((sum, name) => sum + squares(all.get(name) as Float64Array), 0),
    },
  ],
  [
    "two heads, and magnitudes of all kernels",
    [losses.distance({ between: ["first", "second"] }), losses.l1({ factor: 0.05 }), losses.crossEntropy()],
    {
      distance: (values) => meanDistance(nodeValue(values, "first"), nodeValue(values, "second")),
      l1: (_, all) => 0.05 * kernels.reduce((sum, name) => sum + magnitudes(all.get(name) as Float64Array), 0),
      crossEntropy: () => 0,
    },
  ],
  [
    "two heads, and sines of all kernels",
    [
      losses.crossEntropy(),
      losses.distance({ between: ["first", "second"] }),
      losses.sineSquares({ factor: 0.4, omega: 5 }),
    ],
    {
      crossEntropy: () => 0,
      distance: (values) => meanDistance(nodeValue(values, "first"), nodeValue(values, "second")),
      sineSquares: (_, all) => 0.4 * kernels.reduce((sum, name) => sum + sineSquare(all.get(name) as Float64Array), 0),
    },
  ],
  [
    "the logits in front of their cross-entropy, and parameters by name",
    [
      losses.distance({ between: ["logits", "first"], factor: 5, name: "apart" }),
      losses.crossEntropy(),
      losses.l2({ factor: 0.5, parameters: ["left_norm/gamma", "first/kernel"] }),
    ],
    {
      apart: (values) => 5 * meanDistance(nodeValue(values, "logits"), nodeValue(values, "first")),
      crossEntropy: () => 0,
      l2: (_, all) =>
        0.25 * (squares(all.get("left_norm/gamma") as Float64Array) + squares(all.get("first/kernel") as Float64Array)),
    },
  ],
  [
    "two norms by contrast, and the distributions of kernels",
    [
      losses.crossEntropy(),
      losses.contrastive({ between: ["left_norm", "right_norm"], factor: 0.4, temperature: 0.5 }),
      losses.kurtosis({ parameters: ["left/kernel", "first/kernel"], targets: { "first/kernel": 4 }, factor: 0.3 }),
      losses.weightDivergence({
        parameters: ["second/kernel"],
        teacher: weights,
        factor: 2,
        temperature: 0.5,
        name: "same",
      }),
      losses.weightDivergence({ parameters: ["right/kernel"], teacher: others, factor: 3, temperature: 0.5 }),
    ],
    {
      crossEntropy: () => 0,
      contrastive: (values) => 0.4 * meanContrast(nodeValue(values, "left_norm"), nodeValue(values, "right_norm"), 0.5),
      kurtosis: (_, all) =>
        0.15 * ((kurtosisOf(all.get("left/kernel")) - 1.8) ** 2 + (kurtosisOf(all.get("first/kernel")) - 4) ** 2),
      same: (_, all) => 2 * divergenceOf(all.get("second/kernel"), weights.get("second/kernel"), 0.5),
      weightDivergence: (_, all) => 3 * divergenceOf(all.get("right/kernel"), others.get("right/kernel"), 0.5),
    },
  ],
];

/** The terms, in f64. */
function termsOf(definitions: Definitions, at: Weights): Readonly<Record<string, number>> {
  const { loss, values } = runNetwork(graph, at, inputOf(data.train), data.train.labels, "train");
  return Object.fromEntries(
    Object.entries(definitions).map(([name, of]) => [name, name === "crossEntropy" ? loss : of(values, at)]),
  );
}

const lossAt = (definitions: Definitions, at: Weights): number =>
  Object.values(termsOf(definitions, at)).reduce((sum, value) => sum + value, 0);

/** One step over all images; what it tells, and the weights behind it. */
async function oneStep(objective: Objective, options: TrainerOptions = {}) {
  const trainer = await trainerOf(graph, { optimizer, ...(objective === undefined ? {} : { objective }), ...options });
  await trainer.setWeights(weights);
  const [step] = await eventsOf(trainer.fit(data, { epochs: 1, batchSize: images, validate: false }));
  return { step: step as StepEvent, after: await trainer.weights() };
}

describe.each(objectives)("the distance of %s", (_title, objective, definitions) => {
  const wide: Weights = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));

  test("has the values of its definition, and the loss is their sum", async () => {
    const { step } = await oneStep(objective);
    const wanted = termsOf(definitions, wide);
    expect(Object.keys(step.terms ?? {})).toEqual(Object.keys(wanted));
    for (const [name, value] of Object.entries(wanted)) expect(step.terms?.[name]).toBeCloseTo(value, 4);
    expect(step.loss).toBe(Object.values(step.terms ?? {}).reduce((sum, value) => sum + value, 0));
  });

  test("has the gradients that differences of the oracle's loss come to", async () => {
    const { after } = await oneStep(objective);
    const width = 1e-4;
    for (const { name, role } of parametersOf(graph)) {
      if (role === "statistic") continue;
      const [start, end] = [weights.get(name) as Float32Array, after.get(name) as Float32Array];
      for (let i = 0; i < start.length; i += 5) {
        const [up, down] = [width, -width].map((move) => {
          const moved = (wide.get(name) as Float64Array).slice();
          moved[i] = (moved[i] as number) + move;
          return lossAt(definitions, new Map([...wide, [name, moved]]));
        }) as [number, number];
        const gradient = (start[i] as number) - (end[i] as number);
        expect(gradient, `${name} at ${i}`).toBeCloseTo((up - down) / (2 * width), 4);
      }
    }
  });

  test("is the same, bit for bit, for one worker and for two", async () => {
    const [alone, together] = [await oneStep(objective, { workers: 1 }), await oneStep(objective, { workers: 2 })];
    expect(together.after).toEqual(alone.after);
    expect(together.step.terms).toEqual(alone.step.terms);
  });
});

describe("l2", () => {
  /** One step at a rate of 1/4, and the weights in front of it. */
  async function stepOf(network: Graph, objective: Objective) {
    const trainer = await trainerOf(network, {
      optimizer: optimizers.sgd({ learningRate: 0.25 }),
      ...(objective === undefined ? {} : { objective }),
    });
    const before = await trainer.weights();
    const [step] = await eventsOf(trainer.fit(small, { epochs: 1, batchSize: 50, validate: false }));
    return { step: step as StepEvent, before, after: await trainer.weights() };
  }

  test("pulls latent and real kernels to zero behind their quantizers, however large, and nothing else", async () => {
    const network = sequential({ inputShape: [6, 6, 1] }, [
      layers.conv2d({ filters: 8, kernelSize: 3, weightQuantizer: "bc" }),
      layers.batchNorm(),
      layers.flatten(),
      // More weights than one task works on.
      layers.dense({ units: 160, weightQuantizer: "bnn", activationQuantizer: "bnn" }),
      layers.batchNorm(),
      layers.dense({ units: 3 }),
    ]);
    const plain = await stepOf(network, undefined);
    const { after, before, step } = await stepOf(network, [losses.crossEntropy(), losses.l2({ factor: 0.5 })]);
    let sum = 0;
    for (const [name, start] of before) {
      // Statistics are those of the weights behind the step.
      if (name.includes("/moving")) continue;
      const without = plain.after.get(name) as Float32Array;
      if (!name.endsWith("/kernel")) {
        expect(after.get(name), name).toEqual(without);
        continue;
      }
      sum += squares(Float64Array.from(start));
      const moved = (after.get(name) as Float32Array).map((value, i) => (without[i] as number) - value);
      const farthest = moved.reduce((most, move, i) => Math.max(most, Math.abs(move - (start[i] as number) / 8)), 0);
      expect(farthest, name).toBeLessThan(1e-6);
    }
    expect(step.terms?.l2).toBeCloseTo(sum / 4, 6);
  });

  test("leaves out what is no kernel, though it has several axes: embeddings, and tensors of quantizers", async () => {
    const network = sequential({ inputShape: [6, 6, 1] }, [
      layers.conv2d({ filters: 4, kernelSize: 3, weightQuantizer: noisy({ units: 2 }) }),
      layers.reshape({ targetShape: [16, 4] }),
      layers.positionEmbedding(),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const plain = await stepOf(network, undefined);
    const { after, before, step } = await stepOf(network, [losses.crossEntropy(), losses.l2({ factor: 0.5 })]);
    let sum = 0;
    for (const [name, start] of before) {
      if (name.endsWith("/kernel")) sum += squares(Float64Array.from(start));
      else expect(after.get(name), name).toEqual(plain.after.get(name));
    }
    expect([...before.keys()].join(" ")).toMatch(/mapping.*positions/);
    expect(step.terms?.l2).toBeCloseTo(sum / 4, 6);
  });

  test("leaves out weights that Bop flips", async () => {
    const optimizer = caseOptimizer({ binary: optimizers.bop(), rest: optimizers.sgd({ learningRate: 1 }) });
    const network = (quantizer: "bc" | null): Graph =>
      sequential({ inputShape: [6, 6, 1] }, [
        layers.flatten(),
        layers.dense({ units: 4, weightQuantizer: quantizer, name: "first" }),
        layers.dense({ units: 3, weightQuantizer: "bc", name: "last" }),
      ]);
    const trainer = await trainerOf(network(null), {
      optimizer,
      objective: [losses.crossEntropy(), losses.l2({ factor: 2 })],
    });
    const first = (await trainer.weights()).get("first/kernel") as Float32Array;
    const [step] = await eventsOf(trainer.fit(small, { epochs: 1, batchSize: 50, validate: false }));
    expect((step as StepEvent).terms?.l2).toBeCloseTo(squares(Float64Array.from(first)), 6);

    for (const [parameters, message] of [
      [undefined, /"l2" finds no kernel/],
      [["last/kernel"], /"last\/kernel" is not trained/],
    ] as const) {
      const objective = [losses.crossEntropy(), losses.l2({ factor: 2, parameters })];
      const made = trainerOf(network("bc"), { optimizer, objective });
      await expect(made).rejects.toMatchObject({ code: "argument", message: expect.stringMatching(message) });
    }
  });
});

describe("events", () => {
  const run = async (objective: Objective, labelSmoothing?: number) => {
    const trainer = await trainerOf(binary(), objective === undefined ? {} : { objective });
    return eventsOf(trainer.fit(small, { epochs: 1, batchSize: 16, validate: false, labelSmoothing }));
  };
  const withL2 = (factor: number) => [losses.crossEntropy(), losses.l2({ factor })];

  test("tell the terms by name where there are several, an epoch's as means over its steps", async () => {
    const events = await run(withL2(0.01));
    const steps = events.slice(0, -1);
    for (const { terms } of events) expect(Object.keys(terms ?? {})).toEqual(["crossEntropy", "l2"]);
    for (const name of ["crossEntropy", "l2"]) {
      const mean = steps.reduce((sum, { terms }) => sum + (terms?.[name] as number) / steps.length, 0);
      expect(events.at(-1)?.terms?.[name]).toBe(mean);
    }
  });

  test("have no terms where cross-entropy is alone", async () => {
    const events = await run([losses.crossEntropy()]);
    for (const event of events) expect(event).not.toHaveProperty("terms");
    expect(events.map(({ loss }) => loss)).toEqual((await run(undefined)).map(({ loss }) => loss));
  });

  test("smooth the labels of cross-entropy alone", async () => {
    const first = async (factor: number, smoothing?: number) => (await run(withL2(factor), smoothing))[0]?.terms;
    const [plain, smoothed] = [await first(0.01), await first(0.01, 0.5)];
    expect(smoothed?.l2).toBe(plain?.l2);
    expect(smoothed?.crossEntropy).not.toBe(plain?.crossEntropy);
  });
});

describe("label smoothing", () => {
  test.each([
    ["hinge", losses.hinge()],
    ["squaredHinge", losses.squaredHinge()],
    ["meanSquaredError", losses.meanSquaredError({ truth: "labels" })],
    ["meanAbsoluteError", losses.meanAbsoluteError({ truth: "labels" })],
    ["huber", losses.huber({ truth: "labels" })],
  ])("is refused where %s is the loss, which does not read it", async (name, loss) => {
    const refused = async (...objective: LossTerm[]) => {
      const trainer = await trainerOf(binary(), { objective });
      return trainer.fit(small, { epochs: 1, batchSize: 50, validate: false, labelSmoothing: 0.1 });
    };
    await expect(refused(loss, losses.l2({ factor: 0.1 }))).rejects.toMatchObject({
      code: "argument",
      message: `labelSmoothing is for cross-entropies, and the loss is ${name} + l2`,
    });
    await expect(refused(loss, losses.crossEntropy({ factor: 0 }))).rejects.toMatchObject({ code: "argument" });
    await refused(loss, losses.binaryCrossEntropy({ truth: "labels" }));
  });
});

describe("distributions as targets", () => {
  const graphOf = () => sequential({ inputShape: [4] }, [layers.dense({ units: 2 })]);
  const dataOf = (targets: readonly number[]) => {
    const inputs = Float32Array.from({ length: 2 * targets.length }, (_, i) => i / 8);
    const train = split(inputs, null, [4], { targets: Float32Array.from(targets) });
    return makeDataset({ name: "own", classes: [], train, test: train });
  };
  const trained = async (targets: readonly number[]) => {
    const trainer = await trainerOf(graphOf(), { objective: [losses.crossEntropy({ truth: "targets" })] });
    return trainer.fit(dataOf(targets), { epochs: 1, batchSize: 2, validate: false });
  };

  test.each([
    ["negative", [0.5, 0.5, 4, -3]],
    ["of another sum", [0.5, 0.5, 0.7, 0.2]],
  ])("that are %s are refused before the first step", async (_, targets) => {
    await expect(trained(targets)).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(/shares of 1, and those of example 1 are \[/),
    });
  });

  test("are looked at for each number of outputs, though networks share their memory", async () => {
    const targets = Float32Array.from([0.5, 0.5, 1, 0, 0.25, 0.75, 0, 1]);
    const trainOn = async (units: number): Promise<void> => {
      const graph = sequential({ inputShape: [4] }, [layers.dense({ units })]);
      const trainer = await trainerOf(graph, { objective: [losses.crossEntropy({ truth: "targets" })] });
      const train = split(new Float32Array((4 * targets.length) / units), null, [4], { targets });
      const own = makeDataset({ name: "own", classes: [], train, test: train });
      await trainer.fit(own, { epochs: 1, batchSize: 2, validate: false });
    };
    await trainOn(2);
    await expect(trainOn(4)).rejects.toMatchObject({ code: "data", message: expect.stringContaining("shares of 1") });
  });

  test("that are rounded are taken", async () => {
    await trained([0.5, 0.5, 0.3333, 0.6666]);
  });

  test("name classes by the largest one, in the score and in metrics", async () => {
    const trainer = await trainerOf(graphOf(), { objective: [losses.crossEntropy({ truth: "targets" })] });
    const { test: given } = dataOf([1, 0, 0.3, 0.7, 0.6, 0.4, 0, 1, 1, 0, 0.2, 0.8]);
    const { accuracy, metrics } = await trainer.evaluate(given, { metrics: ["accuracy"] });
    expect(accuracy).toBe(metrics?.accuracy);
  });
});

describe("an objective that does not suit", () => {
  const plain = losses.crossEntropy();
  const cases: readonly (readonly [string, string, () => TrainerOptions, RegExp])[] = [
    [
      "a node that is none",
      "unknown-name",
      () => ({ objective: [plain, losses.distance({ between: ["left_norm", "rihgt_norm"] })] }),
      /"distance" .*"rihgt_norm"/,
    ],
    [
      "a parameter that is none",
      "unknown-name",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: ["left/bias"] })] }),
      /"l2" .*"left\/bias"/,
    ],
    [
      "a parameter that is not trained",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: ["left_norm/movingMean"] })] }),
      /"left_norm\/movingMean" is not trained/,
    ],
    [
      "values of two shapes",
      "shape",
      () => ({ objective: [plain, losses.distance({ between: ["left_norm", "first"] })] }),
      /\[5, 4, 3\].*\[3\]/,
    ],
    ["no score", "argument", () => ({ objective: [losses.l2({ factor: 1 })] }), /nothing that evaluations/],
    ["two scores", "argument", () => ({ objective: [plain, losses.crossEntropy()] }), /two .*"crossEntropy"/],
    [
      "one name twice",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1 }), losses.l2({ factor: 2 })] }),
      /two .*"l2"/,
    ],
    ["no list", "argument", () => ({ objective: plain as unknown as [] }), /objective must be a list of losses/],
    ["no terms", "argument", () => ({ objective: ["l2" as unknown as typeof plain] }), /list of losses/],
    ["a negative factor", "argument", () => ({ objective: [plain, losses.l2({ factor: -1 })] }), /factor .*-1/],
    [
      "a value and itself",
      "argument",
      () => ({ objective: [plain, losses.distance({ between: ["left", "left"] })] }),
      /between .*two nodes/,
    ],
    [
      "names that are no list",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: [] })] }),
      /parameters/,
    ],
  ];
  test.each(cases)("%s", async (_title, code, options, message) => {
    await expect((async () => trainerOf(graph, { ...options() }))()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/.{10}/),
    });
  });
});
