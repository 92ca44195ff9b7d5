/**
 * Early stopping: a call of `fit` ends where the validation has not become better for some epochs, and the weights of the best
 * epoch come back (Prechelt, "Early Stopping - But When?", 1998).
 */
import { booleanOf, integerIn, numberIn, oneOf, plainObject, reject, type Subject } from "../../base/checks.ts";
import type { Engine } from "./engine.ts";
import type { EpochEvent } from "./events.ts";
import type { Course } from "./run.ts";
import { readWeights, writeWeights } from "./trained-weights.ts";
import type { TrainerState } from "./trainer-state.ts";

export interface EarlyStopping {
  /** The number of the validation that is to become better: "loss", as absent, or "accuracy". */
  readonly monitor?: "loss" | "accuracy" | undefined;
  /** Epochs without a better number after which the call ends, from 1; 5 where absent. */
  readonly patience?: number | undefined;
  /** A number is better by more than this only, from 0; 0 where absent. */
  readonly minDelta?: number | undefined;
  /** Whether the weights and statistics of the best epoch come back; true where absent. */
  readonly restoreBest?: boolean | undefined;
}

/** The option with its defaults. */
export type Stopping = { readonly [Key in keyof EarlyStopping]-?: Exclude<EarlyStopping[Key], undefined> };

/** The option, checked, with its defaults; null for none. Throws an error of `subject`'s code. */
export function checkStopping(value: unknown, validates: boolean, subject: Subject): Stopping | null {
  if (value === undefined) return null;
  const own: Subject = { code: subject.code, what: `${subject.what}: earlyStopping` };
  const given = plainObject(value, ["monitor", "patience", "minDelta", "restoreBest"], own);
  if (!validates) reject(subject, "validate", "true where earlyStopping reads the validation", validates);
  return {
    monitor: oneOf(given.monitor ?? "loss", ["loss", "accuracy"] as const, "monitor", own),
    patience: integerIn(given.patience ?? 5, 1, 1e6, "patience", own),
    minDelta: numberIn(given.minDelta ?? 0, 0, 1e9, "minDelta", own),
    restoreBest: booleanOf(given.restoreBest ?? true, "restoreBest", own),
  };
}

export interface Stopper {
  /** Takes the event of an epoch that has ended; true where the call is to end with it. */
  readonly isOver: (event: EpochEvent) => Promise<boolean>;
  /** Puts the best weights into place, where others came after them. */
  readonly finish: () => Promise<void>;
}

/** Watches the call of `fit` that `state` stands in. The best epoch is in its course, with its weights beside. */
export function createStopper(
  engine: Engine,
  { monitor, patience, minDelta, restoreBest }: Stopping,
  state: Pick<TrainerState, "course" | "best">,
): Stopper {
  const course = state.course as Course;
  const isBetter = (value: number): boolean => {
    const { best } = course;
    if (best === undefined) return !Number.isNaN(value);
    return monitor === "loss" ? value < best.value - minDelta : value > best.value + minDelta;
  };
  return {
    isOver: async ({ epoch, validation }) => {
      const value = validation?.[monitor] ?? Number.NaN;
      if (isBetter(value)) {
        course.best = { epoch, value };
        state.best = restoreBest ? await engine.alone(() => readWeights(engine)) : null;
      }
      return epoch - (course.best?.epoch ?? 0) >= patience;
    },
    finish: async () => {
      if (state.best !== null && course.best?.epoch !== course.epoch) await writeWeights(engine, state.best);
      state.best = null;
    },
  };
}
