/**
 * Every public function is called with junk. Whatever it does not take it must refuse by a ProxbitError, and a trainer must
 * work afterwards as before.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as data from "../ts/data/index.ts";
import * as proxbit from "../ts/index.ts";
import * as inference from "../ts/inference/index.ts";
import { type Action, allUntyped, functionsOf, JUNK, spoilt } from "./junk-values.ts";

/** Loaders and parallel sessions have tests of their own (`junk-loaders.test.ts`), and these take any value by their nature. */
const LEFT_OUT = new Set([
  "cifar10",
  "cifar100",
  "idxFolder",
  "dataset",
  "fashionMnist",
  "mnist",
  "isProxbitError",
  "ProxbitError",
  "loadParallel",
]);

const graph = proxbit.sequential({ inputShape: [2] }, [proxbit.layers.dense({ units: 3 }), proxbit.layers.batchNorm()]);
const examples = data.split([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 0], [2]);
const set: data.Dataset = { name: "few", classes: ["a", "b", "c"], train: examples, test: examples };

describe("junk is refused by a typed error", () => {
  test.each([
    ["proxbit", proxbit],
    ["proxbit/data", data],
    ["proxbit/inference", inference],
  ])("by every function of %s", async (_, module) => {
    const good = [graph, examples, 1];
    const actions = functionsOf(module, LEFT_OUT).flatMap(([name, call]) =>
      Object.entries(JUNK).flatMap(([junk, make]): (readonly [string, Action])[] => [
        [`${name}(${junk})`, () => call(make())],
        ...good.map((first, i) => [`${name}(good ${i}, ${junk})`, () => call(first, make())] as const),
        [`${name}(${junk}, ${junk}, ${junk})`, () => call(make(), make(), make())],
      ]),
    );
    expect(actions.length).toBeGreaterThan(200);
    expect(await allUntyped(actions)).toEqual([]);
  });
});

test("junk is refused by measure and confusionMatrix, one part at a time", async () => {
  const answers = { outputs: new Float32Array(12), size: 3, split: examples };
  const { count, labels } = examples;
  const actions = [
    ...spoilt(answers).map(([name, make]) => [name, () => proxbit.measure(["f1"], make() as never)] as const),
    ...spoilt({ count, labels, targets: undefined }).map(
      ([name, make]) => [name, () => proxbit.measure(["f1"], { ...answers, split: make() as never })] as const,
    ),
    ...Object.entries(JUNK).flatMap(([name, make]): (readonly [string, Action])[] => [
      [name, () => proxbit.confusionMatrix(make() as never, [0], 3)],
      [name, () => proxbit.confusionMatrix([0], make() as never, 3)],
      [name, () => proxbit.confusionMatrix([0], [0], make() as never)],
    ]),
  ];
  expect(await allUntyped(actions)).toEqual([]);
  expect(proxbit.measure(["accuracy"], answers)).toEqual({ accuracy: 0.5 });
});

describe("a trainer that was given junk", () => {
  let trainer: proxbit.Trainer;
  beforeAll(async () => {
    trainer = await proxbit.Trainer.create(graph, { workers: 1 });
  });
  afterAll(() => trainer.close());

  const fitOptions = { epochs: 1, batchSize: 2, augment: undefined, labelSmoothing: 0, validate: true, soft: true };
  const more = { flipRatio: false, tasks: [], onValidate: undefined, signal: undefined };
  const evaluateOptions = { batchSize: 2, signal: undefined, onProgress: undefined, soft: { statistics: examples } };

  test.each([
    ["fit's options", { ...fitOptions, ...more }, (given: unknown) => trainer.fit(set, given as never)],
    ["fit's data", set, (given: unknown) => trainer.fit(given as never, { epochs: 1, batchSize: 2 })],
    ["fit's examples", examples, (given: unknown) => trainer.fit({ ...set, train: given as never }, { epochs: 1 })],
    ["evaluate's examples", examples, (given: unknown) => trainer.evaluate(given as never)],
    ["evaluate's options", evaluateOptions, (given: unknown) => trainer.evaluate(examples, given as never)],
    [
      "estimate's options",
      { batches: 1, batchSize: 2 },
      (given: unknown) => trainer.estimateStatistics(examples, given as never),
    ],
    ["explain's options", { batchSize: 2, progress: 0 }, (given: unknown) => trainer.explain(given as never)],
    ["profile's options", { batchSize: 2, steps: 1 }, (given: unknown) => trainer.profile(examples, given as never)],
    ["weights", {}, (given: unknown) => trainer.setWeights(given as never)],
    ["a start", {}, (given: unknown) => trainer.startFrom(given as never)],
    ["a start's options", {}, (given: unknown) => trainer.startFrom(new Map(), given as never)],
    ["pack's metadata", { name: "a" }, (given: unknown) => trainer.pack(given as never)],
  ])("as %s refuses it, and works as before", async (_, good, call) => {
    const weights = await trainer.weights();
    const wanted = await trainer.evaluate(examples);
    const actions = spoilt(good).map(([name, make]) => [name, () => call(make())] as const);
    expect(await allUntyped(actions)).toEqual([]);
    await trainer.setWeights(weights);
    expect(await trainer.evaluate(examples)).toEqual(wanted);
    for await (const event of trainer.fit(set, { epochs: 1, batchSize: 2 })) expect(event.loss).toBeGreaterThan(0);
  });
});
