/**
 * Writes checkpoints while a run goes on. The workers copy the tensors between two slices of steps (`checkpoint-stage.ts`); the
 * file is written from the copy in the background, one at a time. Nothing of the run depends on when that is.
 */
import { integerIn, numberIn, plainObject, reject, type Subject } from "../../base/checks.ts";
import { isProxbitError } from "../../base/errors.ts";
import { type CheckpointTensor, copyOfPlain, encodeCheckpoint } from "../../io/checkpoint-file.ts";
import { type CheckpointStore, storeOf } from "../../io/checkpoint-store.ts";
import { goodName, type LoadedRun, readRun, type SavedRun } from "./checkpoint.ts";
import type { CheckpointReport } from "./checkpoint-report.ts";
import type { TakeOut } from "./checkpoint-stage.ts";

/** The time between two checkpoints; one is written at the end of each epoch besides. */
export type CheckpointRate = { readonly seconds: number } | { readonly steps: number };

/** The place of a run's checkpoints (a path, a name in a browser's IndexedDB, or a store), and the time between two. */
export type CheckpointOption =
  | string
  | CheckpointStore
  | {
      readonly to: string | CheckpointStore;
      /**
       * Seconds from 0, or steps from 1, between two of them. Where absent, so seldom that writing takes less than 1 % of the
       * run: 100 times as long as the last write took, at least 10 s, and at the end of an epoch likewise.
       */
      readonly every?: CheckpointRate | undefined;
    };

/** A moment of a run, ready to be copied. */
export interface RunMoment extends SavedRun {
  /** Copies the tensors; what it resolves to gives the copy, in the background. `into` is memory to be used for it. */
  readonly copyTensors: (into: ArrayBuffer | undefined, isWaitedFor: boolean) => Promise<TakeOut>;
  readonly goodTensors: readonly CheckpointTensor[];
  readonly taskTensors: readonly CheckpointTensor[];
}

export interface CheckpointKeeper {
  readonly store: CheckpointStore;
  /** Says that an epoch has ended: the next moment is written, as soon as the rate allows. */
  readonly epochEnded: () => void;
  /** Copies the moment and begins to write it, where one is due after `steps` steps of the run; else does nothing. */
  readonly offer: (steps: number, moment: () => Promise<RunMoment>) => Promise<void>;
  /** Writes the moment, behind the write that is under way. A failure stands in the report. */
  readonly save: (steps: number, moment: () => Promise<RunMoment>) => Promise<void>;
  readonly report: () => CheckpointReport;
  /** Reads the last checkpoint, behind the write that is under way. */
  readonly readBack: () => Promise<LoadedRun>;
  /** Waits for the write under way, and lets others write to the store. */
  readonly close: () => Promise<void>;
}

/** Writing takes less than this share of a run where nobody says how often. */
const SHARE = 0.01;
const LEAST_SECONDS = 10;

/** Seconds between a write that took `seconds` and the next one, where nobody says how often. */
export const restSeconds = (seconds: number): number => Math.max(LEAST_SECONDS, seconds / SHARE);

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isStore = (value: unknown): value is CheckpointStore =>
  typeof value === "object" && value !== null && "read" in value && "write" in value && "lock" in value;

function checkPlace(value: unknown, subject: Subject): CheckpointStore {
  if (isStore(value)) return value;
  if (typeof value === "string" && value !== "") return storeOf(value);
  return reject(subject, "checkpoint", "a path, a name or a store", value);
}

/** Checks a value of `fit`'s option; null where it is absent. Throws "argument". */
export function checkCheckpoint(
  value: unknown,
  subject: Subject,
): { readonly store: CheckpointStore; readonly every: CheckpointRate | null } | null {
  if (value === undefined) return null;
  if (typeof value === "string" || isStore(value)) return { store: checkPlace(value, subject), every: null };
  const { to, every } = plainObject(value, ["to", "every"], { ...subject, what: `${subject.what}: checkpoint` });
  const store = checkPlace(to, subject);
  if (every === undefined) return { store, every: null };
  const own: Subject = { ...subject, what: `${subject.what}: checkpoint.every` };
  const { seconds, steps } = plainObject(every, ["seconds", "steps"], own);
  if ((seconds === undefined) === (steps === undefined)) reject(own, "every", "seconds or steps, not both", every);
  return {
    store,
    every:
      seconds === undefined
        ? { steps: integerIn(steps, 1, 1e9, "steps", own) }
        : { seconds: numberIn(seconds, 0, 1e9, "seconds", own) },
  };
}

/** Takes the store's lock. @throws ProxbitError "checkpoint" where another run writes there, "output" where none can. */
export async function createKeeper(store: CheckpointStore, every: CheckpointRate | null): Promise<CheckpointKeeper> {
  const unlock = await store.lock();
  let [written, bytes, longestPause] = [0, 0, 0];
  let failure: string | null = null;
  let memory: ArrayBuffer | undefined;
  let writing: Promise<void> | null = null;
  let hasEnded = false;
  let last = { at: performance.now(), took: 0, steps: 0 };

  const isDue = (steps: number): boolean => {
    const seconds = (performance.now() - last.at) / 1000;
    if (every === null) {
      return seconds >= (hasEnded ? last.took / SHARE : restSeconds(last.took));
    }
    if (hasEnded) return true;
    return "seconds" in every ? seconds >= every.seconds : steps - last.steps >= every.steps;
  };

  const encodeAndWrite = async (state: object, tensors: readonly CheckpointTensor[]): Promise<void> => {
    const parts = await encodeCheckpoint({ ...state }, tensors);
    await store.write(parts);
    written++;
    bytes = parts.reduce((sum, part) => sum + part.length, 0);
  };

  /** Copies the moment, for which a step may wait, and returns the writing of the copy. */
  const copy = async (
    steps: number,
    moment: () => Promise<RunMoment>,
    isWaitedFor: boolean,
  ): Promise<() => Promise<void>> => {
    const began = performance.now();
    const { copyTensors, goodTensors, taskTensors, ...saved } = await moment();
    const state = copyOfPlain(saved);
    const takeOut = await copyTensors(memory, isWaitedFor);
    hasEnded = false;
    const good = goodTensors.map((tensor) => ({ ...tensor, name: goodName(tensor.name) }));
    return async () => {
      try {
        const tensors = await takeOut();
        memory = tensors[0]?.bytes.buffer as ArrayBuffer | undefined;
        await encodeAndWrite(state, [...tensors, ...good, ...taskTensors]);
        failure = null;
      } catch (error) {
        // A full disk is no reason to end hours of training: the next write may succeed.
        failure = textOf(error);
      }
      last = { at: performance.now(), took: (performance.now() - began) / 1000, steps };
      writing = null;
    };
  };

  return {
    store,
    epochEnded: () => {
      hasEnded = true;
    },
    offer: async (steps, moment) => {
      if (writing !== null || !isDue(steps)) return;
      const began = performance.now();
      try {
        const write = await copy(steps, moment, true);
        longestPause = Math.max(longestPause, performance.now() - began);
        writing = write();
      } catch (error) {
        // Memory for the copy may be had later. A worker's death is the run's own affair.
        if (isProxbitError(error) && error.code === "worker") throw error;
        failure = textOf(error);
        last = { at: performance.now(), took: (performance.now() - began) / 1000, steps };
      }
    },
    save: async (steps, moment) => {
      await writing;
      try {
        writing = (await copy(steps, moment, false))();
        await writing;
      } catch (error) {
        // Workers that are lost and share no memory give no copy.
        failure = textOf(error);
      }
    },
    readBack: async () => {
      await writing;
      return readRun(store);
    },
    report: () => ({ written, bytes, longestPause, seconds: last.took, failure }),
    close: async () => {
      await writing;
      await unlock();
    },
  };
}
