/**
 * A run is a value: one plain record says where it stands. Beside it a run has its tensors (parameters, running statistics, the
 * optimizer's state) and nothing else, because random numbers are drawn from the seed and the number of an epoch. So a record
 * can be copied or written as JSON, and with its tensors the run goes on from there to the same bits.
 */
import type { Split } from "../../data/dataset.ts";
import type { FlipCounts } from "../plan/flips.ts";

/** The stand of a trainer over all its calls of `fit`. */
export interface RunRecord {
  /** Whole, in [0, 2^32). */
  readonly seed: number;
  /** Epochs whose steps have ended, in all calls of `fit`: the number that the next epoch's random numbers are drawn with. */
  epochs: number;
  /** Updates since the optimizer's state was fresh. */
  updates: number;
  /** Steps ever begun, which random draws in a step are made with. It never goes back, so no draw comes twice. */
  draws: number;
  /** Share of the last call of `fit` that is done, in [0, 1]; 0 before the first. */
  progress: number;
  /** True where a task of that call made all quantizers their signs, whatever their own schedules say. */
  hardened: boolean;
  /** A model file's words about its input, which are those of the last data set trained on. */
  metadata: Readonly<Record<string, string>>;
  /** The call of `fit` that is under way or was left before its end; null for none. */
  course: Course | null;
}

/** The stand of one call of `fit`. */
export interface Course {
  readonly epochs: number;
  readonly batchSize: number;
  /** Factor of all learning rates, in (0, 1]: below 1 behind a run that diverged and was rolled back. */
  rate: number;
  /** Steps of an epoch. */
  readonly steps: number;
  /** Epochs that have ended, with the work behind their steps. */
  epoch: number;
  /** Steps of the epoch under way that have ended. */
  step: number;
  /** Tasks behind that epoch's steps that have ended. */
  tasks: number;
  /** Their numbers, by the task's name and then by their own. */
  results: Record<string, Readonly<Record<string, number>>>;
  /** Sums over those steps of loss and accuracy, each divided by `steps`. */
  loss: number;
  accuracy: number;
  /** The same sums of each term of the loss, by its name. */
  terms: Record<string, number>;
  /** Flips in those steps; null where nobody counts them. */
  flips: FlipCounts | null;
  /** Time that the epoch under way took so far, in seconds, over all calls that went on within it. */
  seconds: number;
}

/** The record of a trainer that has not trained yet. */
export const newRun = (seed: number): RunRecord => ({
  ...{ seed, epochs: 0, updates: 0, draws: 0, progress: 0, hardened: false, metadata: {}, course: null },
});

/** A call of `fit` before its first step. */
export const newCourse = (fixed: Pick<Course, "epochs" | "batchSize" | "steps">): Course => ({
  ...fixed,
  rate: 1,
  epoch: 0,
  ...newEpoch(),
});

const newEpoch = () => ({
  ...{ step: 0, tasks: 0, results: {}, loss: 0, accuracy: 0, terms: {}, flips: null, seconds: 0 },
});

/** Share of the call that is done once `step` steps of the epoch under way have ended, in [0, 1]. */
export const progressAt = ({ epoch, steps, epochs }: Course, step: number): number =>
  (epoch * steps + step) / (epochs * steps);

/** The moment of the quantizers' schedules at `progress`; null where all of them are their signs. */
export const momentAt = ({ hardened }: RunRecord, progress: number): number | null => (hardened ? null : progress);

/** Ends the epoch under way. */
export function endEpoch(course: Course): void {
  course.epoch++;
  Object.assign(course, newEpoch());
}

/** The way of stored numbers to those that the network sees, as a model file says it. */
export const inputOf = ({ scale, offset }: Pick<Split, "scale" | "offset">): Readonly<Record<string, string>> => ({
  inputScale: String(scale),
  inputOffset: String(offset),
});
