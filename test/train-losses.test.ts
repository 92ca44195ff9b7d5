/**
 * The terms of the loss: their values and gradients beside those of an f64 oracle, and the order in which they are added up.
 */
import { describe, expect, test } from "vitest";
import { parametersOf } from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { StepEvent } from "../ts/train/run/events.ts";
import type { TrainerOptions } from "../ts/train/run/trainer.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import type { Value } from "./oracle/layers.ts";
import { runNetwork, type Weights } from "./oracle/network.ts";
import { eventsOf, squares, trainerOf } from "./train-helpers.ts";
import { branches } from "./train-networks.ts";

const graph = branches();
const images = 11;
const data = randomDataset(2, [images, 4], [5, 4, 2], 3);
const weights = randomParameters(graph, 5);
/** The update is minus the gradient. */
const optimizer = optimizers.sgd({ learningRate: 1 });

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
