/**
 * A call of fit as its caller holds it: awaited, iterated, both, or told by callbacks; stopped early, and left early. Its work
 * is done once.
 */
import { describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import { watchLoss } from "../ts/train/run/watch-loss.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(7, [64, 40], SHAPE, 3);
const graph: Graph = sequential({ inputShape: SHAPE }, [
  layers.conv2d({ filters: 4, kernelSize: 3, useBias: false, weightQuantizer: "bc" }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 3 }),
]);
const options = { epochs: 2, batchSize: 16 } as const;
const isEpoch = (event: TrainEvent): event is EpochEvent => event.type === "epoch";
/** An event but for its times. */
const timeless = (event: TrainEvent) => ({ ...event, seconds: 0, imagesPerSecond: 0, secondsLeft: 0 });

describe("a call of fit", () => {
  test("that is awaited trains as one that is iterated, and gives its epochs", async () => {
    const [awaited, iterated] = [await trainerOf(graph), await trainerOf(graph)];
    const history = await awaited.fit(data, options);
    const events = await eventsOf(iterated.fit(data, options));
    expect(history.epochs.map(timeless)).toEqual(events.filter(isEpoch).map(timeless));
    expect(await awaited.weights()).toEqual(await iterated.weights());
    const losses = history.epochs.map(({ validation }) => validation?.loss as number);
    expect(history.best?.validation?.loss).toBe(Math.min(...losses));
    expect((await awaited.fit(data, { ...options, validate: false })).best).toBeNull();
  });

  test("does its work once, whoever asks for it and how often", async () => {
    const trainer = await trainerOf(graph);
    const call = trainer.fit(data, options);
    const events = await eventsOf(call);
    const [first, second] = [await call, await call];
    expect(first).toEqual(second);
    expect(first.epochs).toEqual(events.filter(isEpoch));
    expect(await eventsOf(call)).toEqual([]);
    const other = await trainerOf(graph);
    await other.fit(data, options);
    expect(await other.weights()).toEqual(await trainer.weights());
  });

  test("begins with who awaits or iterates it, and not before", async () => {
    const trainer = await trainerOf(graph);
    const before = await trainer.weights();
    trainer.fit(data, options);
    await trainer.evaluate(data.test);
    expect(await trainer.weights()).toEqual(before);
  });

  test("tells callbacks the events that an iteration gives", async () => {
    const [awaited, iterated] = [await trainerOf(graph), await trainerOf(graph)];
    const told: TrainEvent[] = [];
    const tell = (event: TrainEvent): void => void told.push(event);
    await awaited.fit(data, { ...options, onStep: tell, onEpoch: tell });
    const events = await eventsOf(iterated.fit(data, options));
    expect(told.map(timeless)).toEqual(events.map(timeless));
  });

  test("ends with the error of a callback, and the trainer can train again", async () => {
    const trainer = await trainerOf(graph);
    const onStep = (): void => {
      throw new Error("enough");
    };
    await expect(trainer.fit(data, { ...options, onStep })).rejects.toThrow("enough");
    expect((await trainer.fit(data, options)).epochs).toHaveLength(2);
  });

  test("that fails rejects who awaits it, in each form", async () => {
    const trainer = await trainerOf(graph);
    const wrong = { epochs: 0 } as FitOptions;
    const caught = await trainer.fit(data, wrong).catch((error: unknown) => (error as { code: string }).code);
    expect(caught).toBe("argument");
    await expect(trainer.fit(data, wrong)).rejects.toMatchObject({ code: "argument" });
    let isEnded = false;
    await expect(trainer.fit(data, wrong).finally(() => (isEnded = true))).rejects.toMatchObject({ code: "argument" });
    expect(isEnded).toBe(true);
    const call = trainer.fit(data, wrong);
    await expect(call.next()).rejects.toMatchObject({ code: "argument" });
    await expect(call).rejects.toMatchObject({ code: "argument" });
    await expect(trainer.fit(data, { ...options, onEpoch: 1 as never })).rejects.toMatchObject({ code: "argument" });
  });

  test("that is left early leaves the statistics of the hard-signed network", async () => {
    const [left, estimated] = [await trainerOf(graph), await trainerOf(graph)];
    stepsAtOnce("one");
    for (const trainer of [left, estimated]) {
      let steps = 0;
      for await (const event of trainer.fit(data, { ...options, validate: false })) {
        if (event.type === "step" && ++steps === 3) break;
      }
    }
    await estimated.estimateStatistics(data.train, { batchSize: 16 });
    expect(await left.weights()).toEqual(await estimated.weights());
  });
});

describe("early stopping", () => {
  const rising = { ...options, epochs: 12, earlyStopping: { patience: 2 } };
  // So large a rate makes nothing better for long.
  const optimizer = optimizers.sgd({ learningRate: 0.5 });

  test("ends behind the epochs of its patience, with the weights of the best one", async () => {
    const trainer = await trainerOf(graph, { optimizer });
    const { epochs, best } = await trainer.fit(data, rising);
    expect(epochs.length).toBeLessThan(12);
    expect(epochs.length).toBe((best as EpochEvent).epoch + 2);
    const { loss } = await trainer.evaluate(data.test);
    expect(loss).toBe(best?.validation?.loss);
    expect(loss).toBeLessThan(epochs.at(-1)?.validation?.loss as number);
  });

  test("leaves the last weights where the best are not wanted", async () => {
    const trainer = await trainerOf(graph, { optimizer });
    const { epochs } = await trainer.fit(data, { ...rising, earlyStopping: { patience: 2, restoreBest: false } });
    expect((await trainer.evaluate(data.test)).loss).toBe(epochs.at(-1)?.validation?.loss);
  });

  test("goes on in another trainer with what the first one knew", async () => {
    const whole = await trainerOf(graph, { optimizer });
    const wanted = await whole.fit(data, rising);
    const trainer = await trainerOf(graph, { optimizer });
    for await (const event of trainer.fit(data, rising)) {
      if (event.type === "epoch" && event.epoch === wanted.epochs.length - 1) break;
    }
    const { epochs } = await trainer.continueFit(data);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([wanted.epochs.length]);
    expect(await trainer.weights()).toEqual(await whole.weights());
  });

  test("is refused without a validation, and with options out of range", async () => {
    const trainer = await trainerOf(graph);
    for (const more of [
      { validate: false, earlyStopping: {} },
      { earlyStopping: { patience: 0 } },
      { earlyStopping: { monitor: "f1" as "loss" } },
    ]) {
      await expect(trainer.fit(data, { ...options, ...more })).rejects.toMatchObject({ code: "argument" });
    }
  });
});

describe("metrics", () => {
  test("stand beside the score of an evaluation and of each validation", async () => {
    const trainer = await trainerOf(graph);
    const { epochs } = await trainer.fit(data, { ...options, metrics: ["accuracy", "top2"] });
    const evaluation = await trainer.evaluate(data.test, { metrics: ["accuracy", "top2", "f1"] });
    expect(evaluation.metrics?.accuracy).toBeCloseTo(evaluation.accuracy, 12);
    expect(evaluation.metrics?.top2).toBeGreaterThanOrEqual(evaluation.accuracy);
    expect(epochs.at(-1)?.validation?.metrics?.top2).toBe(evaluation.metrics?.top2);
    await expect(trainer.evaluate(data.test, { metrics: ["tpo2" as "top2"] })).rejects.toMatchObject({
      code: "unknown-name",
    });
  });

  test("whose truth is missing are refused before the first step", async () => {
    const trainer = await trainerOf(graph);
    const before = await trainer.pack();
    const asked = trainer.fit(data, { ...options, metrics: ["meanSquaredError"] });
    await expect(asked).rejects.toMatchObject({ code: "data", message: expect.stringContaining("meanSquaredError") });
    expect(await trainer.pack()).toEqual(before);
  });

  test("are of outputs that predict gives, whatever the batch", async () => {
    const trainer = await trainerOf(graph);
    const outputs = await trainer.predict(data.test);
    expect(outputs).toHaveLength(3 * 40);
    expect(await trainer.predict(data.test, { batchSize: 7 })).toEqual(outputs);
    const { predictions } = await trainer.evaluate(data.test);
    for (const [example, prediction] of predictions.entries()) {
      const row = [...outputs.subarray(3 * example, 3 * example + 3)];
      expect(row.indexOf(Math.max(...row))).toBe(prediction);
    }
  });
});

test("a loss that explodes is said, and one that falls is not", () => {
  const watch = watchLoss();
  const step = { type: "step", loss: 2 } as never;
  watch.step(step);
  expect(watch.epoch({ epoch: 1, loss: 19 })).toEqual({});
  expect(watch.epoch({ epoch: 2, loss: 21 }).warnings?.[0]).toMatch(/epoch 2.*21.*2\.00.*learning rate/);
});

test("a trainer is closed by what disposes of it", async () => {
  const trainer = await trainerOf(graph);
  trainer[Symbol.dispose]();
  await expect(trainer.weights()).rejects.toMatchObject({ name: "ProxbitError" });
});
