/** The guarantee: a checkpoint keeps a step waiting for one copy, made by the workers, and for nothing else. */
import { expect, test } from "vitest";
import type { CheckpointTensor } from "../ts/io/checkpoint-file.ts";
import type { CheckpointStore } from "../ts/io/checkpoint-store.ts";
import { decodeRun } from "../ts/train/run/checkpoint.ts";
import { createKeeper, type RunMoment } from "../ts/train/run/checkpoint-keeper.ts";
import { newRun } from "../ts/train/run/run.ts";
import { memoryStore, type Subject, subjects } from "./checkpoint-networks.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { data } from "./train-networks.ts";
import { callsTo, withThreads } from "./worker-spy.ts";

const tensors: readonly CheckpointTensor[] = [{ name: "weights/a", shape: [2], bytes: new Uint8Array(8) }];

/** A moment whose deeds are noted; its copy is taken out when `release` is called. */
function noted() {
  const deeds: string[] = [];
  let release = (): void => {};
  const moment = async (): Promise<RunMoment> => ({
    ...{
      run: newRun(1),
      history: [],
      facts: {},
      tasks: {},
      good: null,
      goodTasks: {},
      goodTensors: [],
      taskTensors: [],
    },
    copyTensors: async () => {
      deeds.push("stage");
      return async () => {
        deeds.push("take out");
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return tensors;
      };
    },
  });
  return { deeds, moment, release: () => release() };
}

test("a step goes on behind the first copy, and while that is taken out no second one is made", async () => {
  const store = memoryStore();
  const keeper = await createKeeper(store, { steps: 1 });
  const { deeds, moment, release } = noted();
  await keeper.offer(1, moment);
  expect([deeds, store.all.length]).toEqual([["stage", "take out"], 0]);
  await keeper.offer(2, moment);
  expect(deeds).toHaveLength(2);
  release();
  await keeper.close();
  expect([deeds.length, store.all.length, keeper.report().written]).toEqual([2, 1, 1]);
});

test("a copy for which there is no memory ends no run, and the next one is tried", async () => {
  const keeper = await createKeeper(memoryStore(), { steps: 1 });
  const { moment, release } = noted();
  const failing = async (): Promise<RunMoment> => ({
    ...(await moment()),
    copyTensors: async () => {
      throw new RangeError("Array buffer allocation failed");
    },
  });
  await keeper.offer(1, failing);
  expect(keeper.report()).toMatchObject({ written: 0, failure: "Array buffer allocation failed" });
  await keeper.offer(2, moment);
  release();
  await keeper.close();
  expect(keeper.report()).toMatchObject({ written: 1, failure: null });
});

test.each(["plain", "plain-shared"] as const)(
  "a run makes one copy a checkpoint, with the workers of %s",
  async (variant) => {
    stepsAtOnce("one");
    const { graph, optimizer, options } = subjects.plain as Subject;
    const callsOf = async (
      checkpoint: { readonly to: CheckpointStore; readonly every: { readonly steps: number } } | undefined,
    ) => {
      const { threads } = await withThreads(async () => {
        const trainer = await trainerOf(graph, { optimizer, variant });
        await eventsOf(trainer.fit(data, { ...options, epochs: 1, checkpoint }));
      });
      return threads.flatMap(callsTo);
    };
    const count = (calls: readonly string[], name: string): number => calls.filter((call) => call === name).length;
    const store = memoryStore();
    const [without, kept] = [await callsOf(undefined), await callsOf({ to: store, every: { steps: 1 } })];
    // The first, the last, and those between that found the one before written.
    expect(store.all.length).toBeGreaterThan(2);
    const more = (name: string): number => count(kept, name) - count(without, name);
    // Shared memory is read without a word to the workers, and the first and the last copy need none: no step waits. A worker
    // alone is asked for each tensor once.
    const reads = (await tensorsOf(store)) * store.all.length;
    expect([more("run"), more("read")]).toEqual(variant === "plain" ? [0, reads] : [store.all.length - 2, 0]);
  },
);

/** The number of tensors in the last checkpoint of a store. */
const tensorsOf = async (store: CheckpointStore): Promise<number> =>
  (await decodeRun((await store.read("last")) as Uint8Array)).tensors.length;
