/**
 * The guarantees at the edges of a call of `fit`: what is saved is of one moment, a call that fails lets go of all that it holds,
 * a call that is refused changes nothing, and the network that a call ends with is the one that was asked for.
 */
import { symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { stream } from "../ts/data/stream.ts";
import { picked } from "../ts/data/subset.ts";
import { fileStore } from "../ts/io/checkpoint-store.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import type { FitOptions } from "../ts/train/run/fit.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE, softening } from "./train-networks.ts";

const course: FitOptions = { epochs: 4, batchSize: 8 };

/** The weights that a straight run ends with. */
async function straightEnd(options: FitOptions): Promise<ReadonlyMap<string, Float32Array>> {
  const trainer = await trainerOf(softening());
  await trainer.fit(data, options);
  return trainer.weights();
}

describe("save", () => {
  test("writes one moment, whenever it is called beside a fit that is awaited", async () => {
    const wanted = await straightEnd(course);
    const trainer = await trainerOf(softening(), { workers: 2 });
    const store = memoryStore();
    let isOver = false;
    const done = (async () => {
      await trainer.fit(data, course);
      isOver = true;
    })();
    while (!isOver) {
      await trainer.save(store).catch((error: unknown) => {
        // The call may have ended meanwhile.
        if (!isOver) expect(error).toMatchObject({ code: "argument" });
      });
      await setTimeout(3);
    }
    await done;
    expect(store.all.length).toBeGreaterThan(1);
    for (const bytes of store.all) {
      const second = await Trainer.resume(bytes, { workers: 1 });
      await second.continueFit(data);
      expect(await second.weights()).toEqual(wanted);
      second.close();
    }
  });

  test("within the loop over a fit is at once", async () => {
    const trainer = await trainerOf(softening());
    const store = memoryStore();
    let seen = 0;
    for await (const _ of trainer.fit(data, course)) if (++seen === 3) await trainer.save(store);
    expect(store.all).toHaveLength(1);
  });

  test("that nobody waits for holds the run until the moment is copied", async () => {
    const wanted = await straightEnd(course);
    const trainer = await trainerOf(softening());
    const store = memoryStore();
    const saves: Promise<void>[] = [];
    for await (const _ of trainer.fit(data, course)) if (saves.length < 5) saves.push(trainer.save(store));
    await Promise.all(saves);
    expect(store.all).toHaveLength(5);
    for (const bytes of store.all) {
      const second = await Trainer.resume(bytes);
      await second.continueFit(data);
      expect(await second.weights()).toEqual(wanted);
      second.close();
    }
  });

  test("within a task between epochs is refused, for it would wait for itself", async () => {
    const trainer = await trainerOf(softening());
    const save = async (): Promise<undefined> => {
      await trainer.save(memoryStore());
    };
    for (const task of [
      { name: "own", run: save },
      { name: "own", begin: save, run: async () => undefined },
    ]) {
      const { message } = await rejected("argument", eventsOf(trainer.fit(data, { ...course, tasks: [task] })));
      expect(message).toContain("a task between epochs is at work");
    }
  });

  test("is refused behind the death of a worker, which may have been within a step", async () => {
    const trainer = await trainerOf(softening(), { workers: 2 });
    const run = async (): Promise<void> => {
      for await (const _ of trainer.fit(data, course)) trainer.close();
    };
    await rejected("worker", run());
    expect((await rejected("worker", trainer.save(memoryStore()))).message).toContain("died within a step");
  });
});

describe("a call that ends early", () => {
  test("is over where the trainer is closed, though it has a checkpoint", async () => {
    const trainer = await trainerOf(softening(), { workers: 2 });
    let behind = 0;
    const run = async (): Promise<void> => {
      let isClosed = false;
      for await (const _ of trainer.fit(data, { ...course, checkpoint: { to: memoryStore(), every: { steps: 1 } } })) {
        if (isClosed) behind++;
        trainer.close();
        isClosed = true;
      }
    };
    await rejected("worker", run());
    // Steps that were made by then have events still.
    expect(behind).toBeLessThan(7);
  });

  test("gives away its lock where the end itself fails", () =>
    withFolder(async (folder) => {
      const checkpoint = join(folder, "run.ckpt");
      const trainer = await trainerOf(softening());
      const run = async (): Promise<void> => {
        for await (const { type } of trainer.fit(data, { ...course, validate: false, checkpoint })) {
          if (type !== "epoch") continue;
          trainer.close();
          break;
        }
      };
      await rejected("worker", run());
      const second = await Trainer.resume(checkpoint);
      await second.continueFit(data);
      expect(second.left()).toBeNull();
      second.close();
    }));

  test("leaves the words of a stream's numbers to one that goes on behind the last step", async () => {
    const { train } = data;
    const read = (indices: Uint32Array) => picked(train, indices);
    const streamed = { ...data, train: stream({ count: train.count, read }, { shape: train.shape }) };
    const straight = await trainerOf(softening());
    await straight.fit(streamed, course);
    const store = memoryStore();
    const controller = new AbortController();
    const first = await trainerOf(softening());
    const onValidate = (epoch: number): void => {
      if (epoch === course.epochs) controller.abort();
    };
    const options = { ...course, checkpoint: store, signal: controller.signal, onValidate };
    await rejected("aborted", eventsOf(first.fit(streamed, options)));
    const second = await Trainer.resume(store);
    await second.continueFit(streamed);
    expect(await second.pack()).toEqual(await straight.pack());
    second.close();
  });
});

describe("a call that is refused", () => {
  test("leaves the one before as it was", async () => {
    const options: FitOptions = { ...course, average: "ema" };
    const wanted = await straightEnd(options);
    const trainer = await trainerOf(softening());
    for await (const { type } of trainer.fit(data, options)) if (type === "epoch") break;
    await rejected("output", eventsOf(trainer.fit(data, { ...course, checkpoint: "/nowhere/at/all/x.ckpt" })));
    await trainer.continueFit(data);
    expect(await trainer.weights()).toEqual(wanted);
  });

  test("for fewer epochs than are done costs no checkpoint", async () => {
    const store = memoryStore();
    const trainer = await trainerOf(softening());
    for await (const event of trainer.fit(data, { ...course, checkpoint: store })) {
      if (event.type === "epoch" && event.epoch === 3) break;
    }
    const written = store.all.length;
    const second = await Trainer.resume(store, { allow: ["epochs"] });
    const { message } = await rejected("argument", eventsOf(second.continueFit(data, { epochs: 2 })));
    expect(message).toContain("3 epochs of the run are done");
    expect(store.all).toHaveLength(written);
    second.close();
  });

  test.each([
    ["a mean beside early stopping", { average: "swa", earlyStopping: {} }],
    ["a task whose state no reader takes", { tasks: [taskOf(Object.fromEntries([["constructor", 1]]))] }],
    ["such a key further in", { tasks: [taskOf({ a: { constructor: 1 } })] }],
  ] as const)("is one with %s", async (_, more) => {
    const trainer = await trainerOf(softening());
    await rejected("argument", eventsOf(trainer.fit(data, { ...course, ...(more as Partial<FitOptions>) })));
  });
});

function taskOf(state: unknown): EpochTask {
  return { name: "own", run: async () => undefined, save: () => state, restore: () => {} };
}

test("the best epoch that was asked for stays, whichever early stopping prefers", async () => {
  const trainer = await trainerOf(binary(), { optimizer: optimizers.adam({ learningRate: 0.01 }) });
  const options: FitOptions = { epochs: 30, batchSize: 8, keep: "best", earlyStopping: { patience: 6 } };
  const { epochs } = await trainer.fit(data, options);
  const best = epochs.at(-1)?.best;
  const lossOf = ({ validation }: (typeof epochs)[number]): number => validation?.loss ?? Number.NaN;
  const stopped = epochs.reduce((least, event) => (lossOf(event) < lossOf(least) ? event : least));
  expect(best?.epoch).not.toBe(stopped.epoch);
  const { accuracy, loss } = await trainer.evaluate(data.test);
  expect(epochs.at(-1)?.kept).toBe(best?.epoch);
  expect(accuracy).toBe(best?.accuracy);
  expect(loss).toBeCloseTo(best?.loss ?? Number.NaN, 6);
});

test("events tell the epoch that early stopping goes back to, where it goes back to one", async () => {
  for (const restoreBest of [true, false]) {
    const trainer = await trainerOf(binary(), { optimizer: optimizers.adam({ learningRate: 0.01 }) });
    const earlyStopping = { patience: 3, monitor: "accuracy", restoreBest } as const;
    const { epochs } = await trainer.fit(data, { epochs: 30, batchSize: 8, earlyStopping });
    const accuracies = epochs.map(({ validation }) => validation?.accuracy ?? 0);
    const best = 1 + accuracies.indexOf(Math.max(...accuracies));
    expect(epochs.at(-1)?.kept).toBe(restoreBest ? best : undefined);
  }
});

test("a call that goes on keeps the checkpoint that it began with", async () => {
  const store = memoryStore();
  const trainer = await trainerOf(softening());
  for await (const { type } of trainer.fit(data, { ...course, checkpoint: { to: store, every: { steps: 1 } } })) {
    if (type === "epoch") break;
  }
  const written = store.all.length;
  await trainer.continueFit(data);
  expect(store.all.length).toBeGreaterThan(written + 1);
});

test("a run that diverged goes on from its checkpoint where it may go back, to as many epochs as are allowed", async () => {
  const graph = sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 3 })]);
  const objective = [losses.crossEntropy(), losses.l2({ factor: 1e6 })];
  const store = memoryStore();
  const first = await trainerOf(graph, { optimizer: optimizers.sgd({ learningRate: 1e-3 }), objective });
  const checkpoint = { to: store, every: { steps: 1 } };
  await rejected("not-finite", eventsOf(first.fit(data, { epochs: 2, batchSize: 1, checkpoint })));
  // Within the epoch, and far from where its weights overflow.
  const early = store.all[1] as Uint8Array;
  const second = await Trainer.resume(early, { objective, allow: ["onDivergence", "epochs"] });
  expect(second.left()?.step).toBeGreaterThan(0);
  const { epochs } = await second.continueFit(data, { onDivergence: "rollback", epochs: 3 });
  expect(epochs.at(-1)?.epoch).toBe(3);
  expect(epochs.reduce((sum, { rollbacks = 0 }) => sum + rollbacks, 0)).toBeGreaterThan(0);
  second.close();
});

test("a checkpoint behind a symbolic link has the one before beside its file", () =>
  withFolder(async (folder) => {
    const [file, link] = [join(folder, "real.ckpt"), join(folder, "link.ckpt")];
    await fileStore(file).write([new Uint8Array([1])]);
    await symlink(file, link);
    await fileStore(link).write([new Uint8Array([2])]);
    await truncate(file, 0);
    expect(await fileStore(link).read("previous")).toEqual(new Uint8Array([1]));
    const unlock = await fileStore(link).lock();
    await rejected("checkpoint", fileStore(file).lock());
    await unlock();
  }));
