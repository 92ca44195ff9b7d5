/**
 * Losses over the output, each from its definition in f64: their values, and gradients beside differences of the oracle's loss.
 * Examples have weights and targets. No bit depends on workers.
 */
import { describe, expect, test } from "vitest";
import { layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { randomStream } from "../ts/nn/random.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochEvent, StepEvent } from "../ts/train/run/events.ts";
import type { TrainerOptions } from "../ts/train/run/trainer.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import { runNetwork, type Weights } from "./oracle/network.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const CLASSES = 3;
const IMAGES = 11;
const graph = sequential({ inputShape: [4, 4, 2] }, [
  layers.conv2d({ filters: 3, kernelSize: 3, name: "stem" }),
  layers.batchNorm({ name: "norm" }),
  layers.flatten(),
  layers.dense({ units: CLASSES, name: "head" }),
]);
const weights = randomParameters(graph, 5);
const wide: Weights = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));

const plain = randomDataset(2, [IMAGES, 7], [4, 4, 2], CLASSES);
const stream = randomStream(3, "targets");
const reals = (count: number): Float32Array => Float32Array.from({ length: count }, () => stream.uniform() * 4 - 2);
const truthOf = (count: number) => ({
  targets: reals(count * CLASSES),
  sampleWeights: reals(count).map((weight) => Math.abs(weight)),
});
const data = {
  ...plain,
  train: { ...plain.train, ...truthOf(IMAGES) },
  test: { ...plain.test, ...truthOf(7) },
};
type Split = typeof data.train;
/** Targets that are 0 or 1, and targets that are shares of a whole. */
const sides = { ...data, train: { ...data.train, targets: data.train.targets.map((t) => Number(t > 0)) } };
const shares = {
  ...data,
  train: {
    ...data.train,
    targets: data.train.targets.map((t, i, all) => {
      const first = i - (i % CLASSES);
      const sum = all.subarray(first, first + CLASSES).reduce((total, value) => total + Math.abs(value), 0);
      return Math.abs(t) / sum;
    }),
  },
};

type Row = (z: readonly number[], t: readonly number[], label: number) => number;

const mean = (z: readonly number[], of: (z: number, i: number) => number): number =>
  z.reduce((sum, value, i) => sum + of(value, i), 0) / z.length;
const softmax = (z: readonly number[]): readonly number[] => {
  const sum = z.reduce((total, value) => total + Math.exp(value), 0);
  return z.map((value) => Math.exp(value) / sum);
};
const entropy = (q: readonly number[], z: readonly number[]): number =>
  -softmax(z).reduce((sum, p, i) => sum + (q[i] as number) * Math.log(p), 0);
const oneHot = (label: number): readonly number[] => Array.from({ length: CLASSES }, (_, i) => Number(i === label));
const side = (t: number): number => (t > 0 ? 1 : -1);
const huberOf = (d: number, delta: number): number =>
  Math.abs(d) <= delta ? (d * d) / 2 : delta * (Math.abs(d) - delta / 2);
const binary = (z: number, t: number): number => {
  const p = 1 / (1 + Math.exp(-z));
  return -(t * Math.log(p) + (1 - t) * Math.log(1 - p));
};
const teacherLoss =
  (temperature: number): Row =>
  (z, t) =>
    temperature ** 2 *
    entropy(
      softmax(t.map((value) => value / temperature)),
      z.map((value) => value / temperature),
    );
const at = (t: readonly number[], i: number): number => t[i] as number;

const classWeights = [0.5, 2, 1.25];
const cases: readonly (readonly [string, TrainerOptions["objective"], { readonly train: Split }, Row])[] = [
  ["cross-entropy with classes", [losses.crossEntropy()], data, (z, _, label) => entropy(oneHot(label), z)],
  [
    "cross-entropy with weights of classes",
    [losses.crossEntropy({ classWeights, factor: 0.5 })],
    data,
    (z, _, label) => 0.5 * at(classWeights, label) * entropy(oneHot(label), z),
  ],
  ["cross-entropy with shares", [losses.crossEntropy({ truth: "targets" })], shares, (z, t) => entropy(t, z)],
  [
    "binary cross-entropy",
    [losses.binaryCrossEntropy()],
    sides,
    (z, t) => mean(z, (value, i) => binary(value, at(t, i))),
  ],
  ["squared error", [losses.meanSquaredError()], data, (z, t) => mean(z, (value, i) => (value - at(t, i)) ** 2)],
  [
    "squared error of classes",
    [losses.meanSquaredError({ truth: "labels", classWeights })],
    data,
    (z, _, label) => at(classWeights, label) * mean(z, (value, i) => (value - at(oneHot(label), i)) ** 2),
  ],
  ["absolute error", [losses.meanAbsoluteError()], data, (z, t) => mean(z, (value, i) => Math.abs(value - at(t, i)))],
  [
    "Huber's loss",
    [losses.huber({ delta: 0.75 })],
    data,
    (z, t) => mean(z, (value, i) => huberOf(value - at(t, i), 0.75)),
  ],
  [
    "hinge of classes",
    [losses.hinge()],
    data,
    (z, _, label) => mean(z, (value, i) => Math.max(0, 1 - side(at(oneHot(label), i)) * value)),
  ],
  [
    "squared hinge of targets",
    [losses.squaredHinge({ truth: "targets" })],
    data,
    (z, t) => mean(z, (value, i) => Math.max(0, 1 - side(at(t, i)) * value) ** 2),
  ],
  ["a teacher's answers", [losses.distillation({ temperature: 3 })], data, teacherLoss(3)],
  [
    "classes beside a teacher's answers",
    [losses.crossEntropy({ factor: 0.25 }), losses.distillation({ factor: 0.75, temperature: 2 })],
    data,
    (z, t, label) => 0.25 * entropy(oneHot(label), z) + 0.75 * teacherLoss(2)(z, t, label),
  ],
];

/** The loss of the batch by its definition: the mean over examples, each times its weight. */
function lossAt(row: Row, { targets, labels, sampleWeights }: Split, at: Weights): number {
  const { values } = runNetwork(graph, at, inputOf(data.train), labels, "train");
  const logits = values.get(graph.output)?.data as Float64Array;
  const rowOf = (of: ArrayLike<number>, i: number): number[] =>
    Array.from({ length: CLASSES }, (_, c) => of[i * CLASSES + c] as number);
  let sum = 0;
  for (let i = 0; i < IMAGES; i++) {
    sum += (sampleWeights[i] as number) * row(rowOf(logits, i), rowOf(targets, i), labels[i] as number);
  }
  return sum / IMAGES;
}

/** One step over all images, whose update is minus the gradient. */
async function oneStep(objective: TrainerOptions["objective"], own: { readonly train: Split }, workers = 1) {
  const optimizer = optimizers.sgd({ learningRate: 1 });
  const trainer = await trainerOf(graph, { optimizer, workers, ...(objective === undefined ? {} : { objective }) });
  await trainer.setWeights(weights);
  const [step] = await eventsOf(trainer.fit({ ...data, ...own }, { epochs: 1, batchSize: IMAGES, validate: false }));
  return { step: step as StepEvent, after: await trainer.weights() };
}

describe.each(cases)("%s", (_title, objective, own, row) => {
  test("has the value of its definition, and the gradients of its differences", async () => {
    const { step, after } = await oneStep(objective, own);
    expect(step.loss).toBeCloseTo(lossAt(row, own.train, wide), 5);
    const width = 1e-5;
    for (const { name, role } of parametersOf(graph)) {
      if (role === "statistic") continue;
      const [start, end] = [weights.get(name) as Float32Array, after.get(name) as Float32Array];
      for (let i = 0; i < start.length; i += 7) {
        const [up, down] = [width, -width].map((move) => {
          const moved = (wide.get(name) as Float64Array).slice();
          moved[i] = (moved[i] as number) + move;
          return lossAt(row, own.train, new Map([...wide, [name, moved]]));
        }) as [number, number];
        const gradient = (start[i] as number) - (end[i] as number);
        expect(gradient, `${name} at ${i}`).toBeCloseTo((up - down) / (2 * width), 4);
      }
    }
  });

  test("is the same, bit for bit, for any number of workers", async () => {
    const alone = await oneStep(objective, own);
    const { step, after } = await oneStep(objective, own, 3);
    expect([step.loss, step.accuracy]).toEqual([alone.step.loss, alone.step.accuracy]);
    expect(after).toEqual(alone.after);
  });
});

describe("the score", () => {
  const evaluated = async (objective: TrainerOptions["objective"]) => {
    const trainer = await trainerOf(graph, objective === undefined ? {} : { objective });
    const events = await eventsOf(trainer.fit(data, { epochs: 1, batchSize: IMAGES }));
    return { evaluation: await trainer.evaluate(data.test), epoch: events.at(-1) as EpochEvent };
  };

  test("of an evaluation is the first loss over the output, without its factor", async () => {
    const first = losses.meanSquaredError({ factor: 3 });
    const { evaluation, epoch } = await evaluated([first, losses.crossEntropy()]);
    const alone = await evaluated([losses.meanSquaredError()]);
    expect(evaluation.loss).toBeGreaterThan(0);
    expect(epoch.validation?.loss).toBe(evaluation.loss);
    expect(alone.evaluation.loss).not.toBe(evaluation.loss);
    const other = await evaluated([losses.crossEntropy(), first]);
    expect(other.evaluation.accuracy).toBeGreaterThanOrEqual(0);
  });

  test("has an accuracy where answers are right or wrong: of classes, of several labels, not of numbers", async () => {
    expect((await evaluated([losses.squaredHinge()])).evaluation.accuracy).toBeGreaterThanOrEqual(0);
    const several = (await evaluated([losses.binaryCrossEntropy()])).evaluation.accuracy;
    expect(several).toBeGreaterThan(0);
    expect(Math.round(several * 7 * CLASSES)).toBeCloseTo(several * 7 * CLASSES, 6);
    const real = await evaluated([losses.huber()]);
    expect([real.evaluation.accuracy, real.epoch.accuracy]).toEqual([Number.NaN, Number.NaN]);
  });
});

describe("what a loss refuses", () => {
  const head = (units: number, ...last: readonly ReturnType<typeof layers.softmax>[]) =>
    sequential({ inputShape: [4, 4, 2] }, [layers.flatten(), layers.dense({ units }), ...last]);

  test.each([
    ["softmax in front of cross-entropy", head(3, layers.softmax()), [losses.crossEntropy()], /softmax already/],
    ["softmax in front of no objective", head(3, layers.softmax()), undefined, /softmax already/],
    ["softmax in front of a teacher", head(3, layers.softmax()), [losses.distillation()], /softmax already/],
    [
      "sigmoid in front of its loss",
      head(3, layers.activation({ activation: "sigmoid" })),
      [losses.binaryCrossEntropy()],
      /sigmoid already/,
    ],
    ["one class to choose from", head(1), undefined, /always 0/],
    [
      "weights of other classes",
      head(3),
      [losses.crossEntropy({ classWeights: [1, 2] })],
      /2 class weights.*3 classes/,
    ],
    ["nothing to score", head(3), [losses.l2({ factor: 1 })], /nothing that evaluations could tell/],
  ] as const)("%s", async (_title, network, objective, message) => {
    const made = trainerOf(network, objective === undefined ? {} : { objective });
    await expect(made).rejects.toMatchObject({
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/.{10}/),
    });
  });

  test.each([
    [() => losses.crossEntropy({ factor: -1 }), /factor/],
    [() => losses.crossEntropy({ truth: "images" as "labels" }), /truth/],
    [() => losses.meanSquaredError({ classWeights: [1] }), /classWeights/],
    [() => losses.huber({ delta: 0 }), /delta/],
    [() => losses.hinge({ delta: 1 } as object), /delta/],
    [() => losses.distillation({ temperature: 0 }), /temperature/],
    [() => losses.distillation({ truth: "labels" } as object), /truth/],
    [() => losses.distillation({ classWeights: [1, 2, 3] } as object), /classWeights/],
    [() => losses.l1({ factor: -1 }), /factor/],
    [() => losses.sineSquares({ factor: 1, omega: 0 }), /omega/],
  ])("options out of range (%#)", (make, message) => {
    expect(make).toThrow(message);
  });
});
