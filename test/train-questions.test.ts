/**
 * Programs are written once and run again. One is taken for another nowhere: a trainer that has run them all gives a
 * fresh one's results.
 */
import { expect, test } from "vitest";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { SHAPE, softening } from "./train-networks.ts";

const data = randomDataset(9, [32, 21], SHAPE, 3);
/** The loss of a step over all images. Each epoch has another order of them, so sums round differently. */
const rounded = (loss: number): number => Number(loss.toPrecision(4));
const still = (): Promise<Trainer> => trainerOf(softening(), { optimizer: optimizers.sgd({ learningRate: 0 }) });
const { train, test: tested } = data;

/** Results that depend on one thing each that a program is written for; weights stand still. */
const questions: readonly (readonly [string, (trainer: Trainer) => Promise<unknown>])[] = [
  ...[0, 0.3, 0.6].map((labelSmoothing): (typeof questions)[number] => [
    `a step with labels smoothed by ${labelSmoothing}`,
    async (trainer) => {
      const run = trainer.fit(data, { epochs: 1, batchSize: 32, validate: false, labelSmoothing });
      return (await eventsOf(run)).map(({ loss }) => rounded(loss));
    },
  ]),
  ...[0, 0.4, 0.8].map((progress): (typeof questions)[number] => [
    `the soft network at ${progress}`,
    (trainer) => trainer.evaluate(tested, { batchSize: 8, soft: { statistics: train, progress } }),
  ]),
  ["an evaluation", (trainer) => trainer.evaluate(tested, { batchSize: 8 })],
  [
    "of fewer images",
    (trainer) =>
      trainer.evaluate(
        { ...tested, count: 5, images: tested.images.slice(0, 180), labels: tested.labels.slice(0, 5) },
        { batchSize: 8 },
      ),
  ],
  ["of brighter images", (trainer) => trainer.evaluate({ ...tested, scale: 2 * tested.scale }, { batchSize: 8 })],
  ["of images moved up", (trainer) => trainer.evaluate({ ...tested, offset: tested.offset + 1 }, { batchSize: 8 })],
  [
    "a step that counts flips",
    async (trainer) => {
      const run = trainer.fit(data, { epochs: 1, batchSize: 32, validate: false, flipRatio: true });
      return (await eventsOf(run)).map(({ loss, flipRatio }) => [rounded(loss), flipRatio]);
    },
  ],
];

test("answers do not depend on what was asked before", async () => {
  const alone = new Map<string, unknown>();
  for (const [title, ask] of questions) {
    const trainer = await still();
    alone.set(title, await ask(trainer));
    trainer.close();
  }
  const used = await still();
  const start = await used.weights();
  for (const [title, ask] of [...questions, ...questions.toReversed()]) {
    await used.setWeights(start);
    expect(await ask(used), title).toEqual(alone.get(title));
  }
  const answers = [...alone.values()].map((answer) => JSON.stringify(answer));
  expect(new Set(answers).size).toBe(questions.length);
});
