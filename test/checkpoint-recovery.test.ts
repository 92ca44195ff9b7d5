/** A run that diverges goes back to the beginning of its epoch; one whose worker dies goes on with others, to the same bytes. */
import { describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { drawsOf } from "../ts/nn/ops/dropout.ts";
import { losses } from "../ts/train/losses/index.ts";
import { trainOpOf } from "../ts/train/ops/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { Live } from "../ts/train/plan/context.ts";
import { decodeRun } from "../ts/train/run/checkpoint.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { data, SHAPE, softening } from "./train-networks.ts";
import { failureWithThreads, withThreads } from "./worker-spy.ts";

/** A step of weight decay multiplies the weights by 1 - 1000: they overflow within an epoch, unless the rate is 512 times smaller. */
const decaying = (): Graph => sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 3 })]);
const diverging = {
  optimizer: optimizers.sgd({ learningRate: 1e-3 }),
  objective: [losses.crossEntropy(), losses.l2({ factor: 1e6 })],
};
const options = { epochs: 3, batchSize: 1, onDivergence: "rollback" } as const;
const isEpoch = (event: TrainEvent): event is EpochEvent => event.type === "epoch";

describe("a run that diverges", () => {
  test("ends where nobody asked for more, and names the step", async () => {
    const trainer = await trainerOf(decaying(), diverging);
    const { message } = await rejected("not-finite", eventsOf(trainer.fit(data, { epochs: 3, batchSize: 1 })));
    expect(message).toContain("epoch 1, step");
  });

  test("goes back to the beginning of its epoch with half the rates, until they are small enough", async () => {
    const trainer = await trainerOf(decaying(), diverging);
    const events = await eventsOf(trainer.fit(data, options));
    const epochs = events.filter(isEpoch);
    expect(epochs.map(({ rollbacks = 0 }) => rollbacks).reduce((sum, count) => sum + count)).toBe(9);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(events.flatMap((event) => (event.type === "step" ? [event.learningRate] : [])).at(-1)).toBe(1e-3 / 512);
  });

  test("gives up where ten halvings do not help", async () => {
    const rate = optimizers.sgd({ learningRate: 1 });
    const trainer = await trainerOf(decaying(), { ...diverging, optimizer: rate });
    await rejected("not-finite", eventsOf(trainer.fit(data, options)));
  });

  test("gives tasks their state at the beginning of the epoch, where it was left behind them and then diverges", async () => {
    const leaving = new AbortController();
    const counting = (spoils: boolean): EpochTask => {
      let state = { count: 0, counts: Float32Array.of(0) };
      return {
        name: "counting",
        run: async ({ epoch, weights, setWeights }) => {
          state = { count: state.count + 1, counts: Float32Array.of(...state.counts, epoch) };
          if (spoils && epoch === 2) {
            await setWeights(new Map([...(await weights())].map(([name, own]) => [name, own.fill(3e38)])));
            leaving.abort();
          }
          return { count: state.count, sum: state.counts.reduce((sum, count) => sum + count) };
        },
        save: () => state,
        restore: (saved) => {
          state = saved as typeof state;
        },
      };
    };
    const store = memoryStore();
    const first = await trainerOf(decaying(), {});
    const more = { ...options, checkpoint: store, tasks: [counting(true)], signal: leaving.signal };
    await rejected("aborted", eventsOf(first.fit(data, more)));
    const second = await Trainer.resume(store);
    const epochs = (await eventsOf(second.continueFit(data, { tasks: [counting(false)] }))).filter(isEpoch);
    expect(epochs.map(({ rollbacks = 0 }) => rollbacks)).toEqual([1, 0]);
    expect(epochs.map(({ tasks }) => tasks?.counting)).toEqual([
      { count: 2, sum: 3 },
      { count: 3, sum: 6 },
    ]);
    second.close();
  });

  test("ends in the same bytes where it was interrupted, for the good point stands in the checkpoint", async () => {
    stepsAtOnce("one");
    const straight = await trainerOf(decaying(), diverging);
    const all = await eventsOf(straight.fit(data, options));
    for (const enough of [30, all.length - 60, all.length - 20]) {
      const store = memoryStore();
      const first = await trainerOf(decaying(), diverging);
      let seen = 0;
      for await (const _ of first.fit(data, { ...options, checkpoint: store })) if (++seen === enough) break;
      const second = await Trainer.resume(store, { objective: diverging.objective, workers: 1 });
      await eventsOf(second.continueFit(data));
      expect(await second.weights(), `left after ${enough}`).toEqual(await straight.weights());
      second.close();
    }
  });
});

describe("a worker that dies", () => {
  const adam = { optimizer: optimizers.adam(), workers: 2 };
  const course = { epochs: 3, batchSize: 16 };
  const often = () => ({ ...course, checkpoint: { to: memoryStore(), every: { steps: 2 } } });

  test.each([1, 4, 6])(
    "behind event %i costs the steps since the last checkpoint, and not a bit of the end",
    async (when) => {
      stepsAtOnce("one");
      const straight = await trainerOf(softening(), adam);
      await eventsOf(straight.fit(data, course));
      const { result: trainer, threads } = await withThreads(() => trainerOf(softening(), adam));
      let seen = 0;
      for await (const _ of trainer.fit(data, often())) if (++seen === when) await threads[1]?.terminate();
      expect(seen).toBeGreaterThanOrEqual(12);
      expect(await trainer.pack()).toEqual(await straight.pack());
      // The trainer works with its new workers from then on.
      expect((await trainer.evaluate(data.test)).images).toBe(21);
    },
  );

  const full = async (): Promise<void> => {
    throw new Error("no room");
  };

  test("leaves each epoch once in the history", async () => {
    stepsAtOnce("one");
    const { result: trainer, threads } = await withThreads(() => trainerOf(softening(), adam));
    const told: number[] = [];
    const store = memoryStore();
    let writes = 0;
    const checkpoint = {
      ...store,
      write: (parts: readonly Uint8Array[]) => (++writes > 1 ? full() : store.write(parts)),
    };
    const fitting = trainer.fit(data, { ...course, checkpoint });
    for await (const event of fitting) {
      if (event.type === "step") continue;
      told.push(event.epoch);
      // The first checkpoint alone stands, so the run begins anew.
      if (told.length === 2) await threads[1]?.terminate();
    }
    const { epochs } = await fitting;
    expect(told).toEqual([1, 2, 1, 2, 3]);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test("ends the run where there is no checkpoint", async () => {
    stepsAtOnce("one");
    const { result: trainer, threads } = await withThreads(() => trainerOf(softening(), adam));
    const run = async (): Promise<void> => {
      for await (const _ of trainer.fit(data, course)) await threads[0]?.terminate();
    };
    await rejected("worker", run());
  });

  test("ends the run where its followers die at the same place", async () => {
    stepsAtOnce("one");
    let seen = 0;
    const { error, threads } = await failureWithThreads(async (living) => {
      const trainer = await trainerOf(softening(), { ...adam, workers: 1 });
      const checkpoint = { to: memoryStore(), every: { steps: 1000 } };
      for await (const _ of trainer.fit(data, { ...course, checkpoint })) {
        seen++;
        await living.at(-1)?.terminate();
      }
    });
    expect(error).toMatchObject({ code: "worker" });
    expect([seen, threads.length]).toEqual([4, 4]);
  });
});

describe("draws of dropout", () => {
  const network = sequential({ inputShape: SHAPE }, [
    layers.dropout({ rate: 0.5, name: "drop" }),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

  test("are counted on behind a step that failed, where the optimizer begins anew", async () => {
    const trainer = await trainerOf(network, diverging);
    let steps = 0;
    const run = async (): Promise<void> => {
      for await (const event of trainer.fit(data, { epochs: 1, batchSize: 1 })) if (event.type === "step") steps++;
    };
    await rejected("not-finite", run());
    const store = memoryStore();
    await trainer.save(store);
    const { run: record } = await decodeRun(store.all[0] as Uint8Array);
    expect([record.updates, record.draws]).toEqual([0, steps + 1]);
  });

  test("are made with that count, and with the update's number where there is none", () => {
    const [, drop] = network.nodes;
    const numbers = trainOpOf("dropout").live?.numbers as (node: unknown, live: Live) => readonly number[];
    const live: Live = { kind: "train", progress: 0, seed: 1, update: 2 };
    expect(numbers(drop, { ...live, draw: 9 })).toEqual(drawsOf("drop", { seed: 1, update: 9 }));
    expect(numbers(drop, live)).toEqual(drawsOf("drop", { seed: 1, update: 2 }));
  });
});
