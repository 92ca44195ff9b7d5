/** The weights that a run ends with: a mean over its epochs, or those of the best one; also where it was interrupted. */
import { describe, expect, test } from "vitest";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { Average } from "../ts/train/run/average.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { data, plainSigns } from "./train-networks.ts";

const course: FitOptions = { epochs: 4, batchSize: 16, soft: false };
const optimizer = optimizers.adam({ learningRate: 0.02 });
const isEpoch = (event: TrainEvent): event is EpochEvent => event.type === "epoch";

/** The weights behind the steps of each epoch. */
function collecting(): { readonly task: EpochTask; readonly seen: ReadonlyMap<string, Float32Array>[] } {
  const seen: ReadonlyMap<string, Float32Array>[] = [];
  const run: EpochTask["run"] = async ({ weights }) => {
    seen.push(await weights());
    return undefined;
  };
  return { task: { name: "collect", run }, seen };
}

/** Means by another way than the running one: the sum of all weights with their factors. */
function mean(seen: readonly ReadonlyMap<string, Float32Array>[], factors: readonly number[], name: string): number[] {
  const length = seen[0]?.get(name)?.length ?? 0;
  return Array.from({ length }, (_, i) =>
    seen.reduce((sum, weights, epoch) => sum + (factors[epoch] as number) * (weights.get(name)?.[i] as number), 0),
  );
}

describe("a mean of the weights", () => {
  test.each([
    ["swa", [0, 0, 0, 1]],
    [{ kind: "swa", from: 0.5 }, [0, 0, 1 / 2, 1 / 2]],
    [{ kind: "swa", from: 0 }, [1 / 4, 1 / 4, 1 / 4, 1 / 4]],
    [{ kind: "ema", decay: 0.5 }, [1 / 8, 1 / 8, 1 / 4, 1 / 2]],
    ["ema", [0.343, 0.3 * 0.49, 0.3 * 0.7, 0.3]],
  ] as const)("is what the run ends with: %j", async (average, factors) => {
    const { task, seen } = collecting();
    const trainer = await trainerOf(plainSigns(), { optimizer });
    const events = await eventsOf(trainer.fit(data, { ...course, average: average as Average, tasks: [task] }));
    const weights = await trainer.weights();
    for (const name of ["stem/kernel", "body/kernel", "head/bias"]) {
      const wanted = mean(seen, factors, name);
      weights.get(name)?.forEach((value, i) => {
        expect(Math.abs(value - (wanted[i] as number))).toBeLessThan(1e-6);
      });
    }
    // The last validation is that of the mean.
    const { accuracy } = await trainer.evaluate(data.test);
    expect(events.filter(isEpoch).at(-1)?.validation?.accuracy).toBe(accuracy);
  });

  test.each([["sma"], [{ kind: "swa", decay: 0.5 }], [{ kind: "ema", decay: 1 }], [3]])(
    "is refused as %j",
    async (average) => {
      const trainer = await trainerOf(plainSigns(), { optimizer });
      await rejected("argument", eventsOf(trainer.fit(data, { ...course, average: average as Average })));
    },
  );
});

describe("the best epoch", () => {
  // The loss grows again where the penalty is too large for the rate, so the best epoch is none of the last.
  const growing = {
    optimizer: optimizers.sgd({ learningRate: 0.1 }),
    objective: [losses.crossEntropy(), losses.l2({ factor: 25 })],
  };

  test("is what the run ends with, by accuracy and then by loss", async () => {
    const trainer = await trainerOf(plainSigns(), growing);
    const events = (await eventsOf(trainer.fit(data, { ...course, keep: "best" }))).filter(isEpoch);
    const scores = events.map(({ validation, epoch }) => ({ epoch, ...validation }));
    const [best] = [...scores].sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0) || (a.loss ?? 0) - (b.loss ?? 0));
    expect(events.at(-1)?.best).toEqual({ epoch: best?.epoch, accuracy: best?.accuracy, loss: best?.loss });
    const found = await trainer.evaluate(data.test);
    expect([found.accuracy, found.loss]).toEqual([best?.accuracy, best?.loss]);
    expect(best?.epoch).not.toBe(4);
  });

  test("needs a validation", async () => {
    const trainer = await trainerOf(plainSigns(), growing);
    await rejected("argument", eventsOf(trainer.fit(data, { ...course, keep: "best", validate: false })));
  });
});

test.each([
  ["the mean", { average: { kind: "ema", decay: 0.5 } }],
  ["the best epoch", { keep: "best" }],
  ["both", { keep: "best", average: { kind: "swa", from: 0.2 } }],
] as const)("%s is the same where the run was interrupted", async (_, more) => {
  stepsAtOnce("one");
  const straight = await trainerOf(plainSigns(), { optimizer });
  const events = await eventsOf(straight.fit(data, { ...course, ...more }));
  for (const enough of [5, 9, events.length - 1, events.length]) {
    const store = memoryStore();
    const first = await trainerOf(plainSigns(), { optimizer });
    let seen = 0;
    for await (const _ of first.fit(data, { ...course, ...more, checkpoint: store })) if (++seen === enough) break;
    const second = await Trainer.resume(store, { workers: 1 });
    await eventsOf(second.continueFit(data));
    expect(await second.weights(), `left after ${enough} events`).toEqual(await straight.weights());
    second.close();
    // The same trainer may go on too, with what it has in memory.
    const own = await trainerOf(plainSigns(), { optimizer });
    seen = 0;
    for await (const _ of own.fit(data, { ...course, ...more })) if (++seen === enough) break;
    if (own.left() !== null) await eventsOf(own.continueFit(data));
    expect(await own.weights(), `gone on after ${enough} events`).toEqual(await straight.weights());
  }
});
