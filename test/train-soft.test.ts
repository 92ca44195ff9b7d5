/**
 * The accuracy that `fit` and `evaluate` give beside the hard one: that of the soft network, by the oracle. Asking for it
 * changes nothing else.
 */
import { describe, expect, test } from "vitest";
import type { Split } from "../ts/data/dataset.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import type { Trainer, TrainerOptions } from "../ts/train/run/trainer.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import type { Moments } from "./oracle/layers.ts";
import { runNetwork, type Weights } from "./oracle/network.ts";
import { runningStatistics, startFrom } from "./oracle/training.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { SHAPE, softening } from "./train-networks.ts";

const data = randomDataset(9, [48, 21], SHAPE, 3);

const softTrainer = (options: TrainerOptions = {}): Promise<Trainer> => trainerOf(softening(), options);

const epochsOf = (events: readonly TrainEvent[]): EpochEvent[] => events.filter((event) => event.type === "epoch");

/** The oracle's soft network at `progress`, over statistics of all training images at once. */
function oracle(trained: ReadonlyMap<string, Float32Array>, progress: number): ReturnType<typeof runNetwork> {
  const graph = softening();
  const { weights } = startFrom(trained);
  const { moments } = runNetwork(graph, weights, inputOf(data.train), data.train.labels, "estimate", {
    progress,
    soft: true,
  });
  const running = [...moments].flatMap(([name, own]) => {
    const { mean, variance } = runningStatistics(own as Moments);
    return [
      [`${name}/movingMean`, mean],
      [`${name}/movingVariance`, variance],
    ] as const;
  });
  const whole: Weights = new Map([...weights, ...running]);
  return runNetwork(graph, whole, inputOf(data.test), data.test.labels, "evaluate", { progress, soft: true });
}

describe("the soft network", () => {
  const statistics = data.train;

  test.each([0, 0.4, 0.8])("at %f is that of the oracle, and what was there is put back", async (progress) => {
    const trainer = await softTrainer({ optimizer: optimizers.sgd({ learningRate: 0.05 }) });
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16, validate: false }));
    const before = await trainer.weights();
    const options = { batchSize: 48, soft: { statistics, progress } };
    const found = await trainer.evaluate(data.test, options);
    const wanted = oracle(before, progress);
    expect(wanted.margin).toBeGreaterThan(1e-6);
    expect(found.loss).toBeCloseTo(wanted.loss, 4);
    expect([...found.predictions]).toEqual(wanted.predictions);
    expect(await trainer.weights()).toEqual(before);
    await trainer.estimateStatistics(statistics, { batchSize: 48 });
    const hard = await trainer.evaluate(data.test);
    if (progress < 0.6) expect(Math.abs(hard.loss - found.loss)).toBeGreaterThan(1e-3);
    else expect(found.loss).toBeCloseTo(hard.loss, 6);
  });

  test("stands where the last call of fit stopped, if nothing else is said", async () => {
    const trainer = await softTrainer();
    const run = trainer.fit(data, { epochs: 4, batchSize: 48, validate: false });
    for await (const event of run) if (event.type === "epoch" && event.epoch === 2) break;
    const soft = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics } });
    const same = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics, progress: 0.5 } });
    expect(soft.loss).toBe(same.loss);
    const other = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics, progress: 0 } });
    expect(other.loss).not.toBe(same.loss);
  });

  test("is validated while it is another, and makes no difference to the run", async () => {
    const [asked, unasked] = [await softTrainer(), await softTrainer()];
    const beside = epochsOf(await eventsOf(asked.fit(data, { epochs: 5, batchSize: 16 })));
    const alone = epochsOf(await eventsOf(unasked.fit(data, { epochs: 5, batchSize: 16, soft: false })));
    expect(beside.map(({ validation }) => validation?.soft !== undefined)).toEqual([true, true, false, false, false]);
    expect(alone.every(({ validation }) => validation !== undefined && !("soft" in validation))).toBe(true);
    const hard = ({ validation, loss }: EpochEvent): unknown => [loss, validation?.loss, validation?.accuracy];
    expect(beside.map(hard)).toEqual(alone.map(hard));
    expect(await asked.weights()).toEqual(await unasked.weights());
    for (const { validation } of beside.slice(0, 2)) expect(validation?.soft?.loss).not.toBe(validation?.loss);
  });

  test("is not evaluated while its trainer trains, or twice at once", async () => {
    const trainer = await softTrainer();
    const soft = { batchSize: 48, soft: { statistics } };
    const run = trainer.fit(data, { epochs: 1, batchSize: 16, validate: false });
    await run.next();
    await expect(trainer.evaluate(data.test, soft)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/soft network/),
    });
    for await (const _ of run);
    const first = trainer.evaluate(data.test, soft);
    await expect(trainer.evaluate(data.test, soft)).rejects.toMatchObject({ code: "argument" });
    await expect(trainer.fit(data, { epochs: 1, batchSize: 16 }).next()).rejects.toMatchObject({ code: "argument" });
    const { loss } = await first;
    expect((await trainer.evaluate(data.test, soft)).loss).toBe(loss);
  });

  test("its share of the validation is in the progress", async () => {
    const trainer = await softTrainer();
    const shares = new Map<number, number[]>();
    const onValidate = (epoch: number, share: number): unknown =>
      shares.set(epoch, [...(shares.get(epoch) ?? []), share]);
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 4, onValidate }));
    const [first, second] = [shares.get(1) ?? [], shares.get(2) ?? []];
    expect(first).toEqual(first.toSorted((a, b) => a - b));
    expect([first.at(-1), second.at(-1)]).toEqual([1, 1]);
    expect(first.length).toBeGreaterThan(second.length);
  });

  describe("that ends early puts back the statistics that were there, bit for bit", () => {
    const loud = (split: Split): Split => ({ ...split, scale: 1e38 });
    /** Batches of one image: 48 for the statistics, then 21 for the loss. */
    const ENDS = [
      ["stopped among the batches for statistics", { stopAt: 0.3, code: "aborted" }],
      ["stopped among the batches for the loss", { stopAt: 0.8, code: "aborted" }],
      ["images for statistics that overflow", { statistics: loud(data.train), code: "not-finite" }],
      ["images for the loss that overflow", { images: loud(data.test), code: "not-finite" }],
    ] as const satisfies readonly (readonly [string, End])[];
    interface End {
      readonly code: string;
      readonly stopAt?: number;
      readonly statistics?: Split;
      readonly images?: Split;
    }

    test.each<readonly [string, End]>(ENDS)("%s", async (_title, end) => {
      const trainer = await softTrainer();
      await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }));
      const before = await trainer.weights();
      const controller = new AbortController();
      const meanwhile: Promise<unknown>[] = [];
      const evaluated = trainer.evaluate(end.images ?? data.test, {
        batchSize: 2,
        signal: controller.signal,
        soft: { statistics: end.statistics ?? statistics, progress: 0 },
        onProgress: (images, of) => {
          meanwhile.push(trainer.weights());
          if (images >= (end.stopAt ?? 2) * of) controller.abort();
        },
      });
      await expect(evaluated).rejects.toMatchObject({ code: end.code });
      expect(await trainer.weights()).toEqual(before);
      if (end.statistics === undefined) expect(await Promise.all(meanwhile)).not.toContainEqual(before);
      // Nothing is left busy, and the next evaluation is the same as without it.
      const options = { batchSize: 2, soft: { statistics, progress: 0 } };
      const other = await softTrainer();
      await other.setWeights(before);
      expect(await trainer.evaluate(data.test, options)).toEqual(await other.evaluate(data.test, options));
    });

    test("in the validation of fit too", async () => {
      const options = { epochs: 2, batchSize: 4 } as const;
      const controller = new AbortController();
      const shares: number[] = [];
      const stopped = await softTrainer();
      const run = stopped.fit(data, {
        ...options,
        signal: controller.signal,
        onValidate: (_epoch, share) => {
          shares.push(share);
          if (share > 0.3) controller.abort();
        },
      });
      await expect(eventsOf(run)).rejects.toMatchObject({ code: "aborted" });
      // The soft network has the first half of the work, and 12 batches of statistics are most of that.
      expect(shares.at(-1)).toBeLessThan(0.5);
      const left = await softTrainer();
      const between = new AbortController();
      const steps = left.fit(data, {
        ...options,
        validate: false,
        signal: between.signal,
        onStep: ({ step, steps }) => step === steps && between.abort(),
      });
      await expect(steps).rejects.toMatchObject({ code: "aborted" });
      expect(await stopped.weights()).toEqual(await left.weights());
    });
  });

  test.each([
    [{ statistics, progress: 2 }, "progress"],
    [{ progress: 0 }, "statistics"],
    [{ statistics, when: 0 }, "when"],
  ])("refuses %o", async (soft, named) => {
    const trainer = await softTrainer();
    const evaluated = trainer.evaluate(data.test, { soft } as Parameters<Trainer["evaluate"]>[1]);
    await expect(evaluated).rejects.toMatchObject({ code: "argument", message: expect.stringContaining(named) });
  });
});
