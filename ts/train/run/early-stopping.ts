/**
 * Early stopping: a call of `fit` ends where the validation has not become better for some epochs, and the weights of the best
 * epoch come back (Prechelt, "Early Stopping - But When?", 1998).
 */
import { booleanOf, integerIn, numberIn, oneOf, plainObject, reject, type Subject } from "../../base/checks.ts";
import { type BestWeights, bestWeights } from "./best.ts";

export interface EarlyStopping {
  /** The number of the validation that is to become better: "loss", as absent, or "accuracy". */
  readonly monitor?: "loss" | "accuracy" | undefined;
  /** Epochs without a better number after which the call ends, from 1; 5 where absent. */
  readonly patience?: number | undefined;
  /** A number is better by more than this only, from 0; 0 where absent. */
  readonly minDelta?: number | undefined;
  /** The weights and statistics of the best epoch come back; true where absent. */
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

/** Watches a call of `fit`, by the epoch whose number is the best so far. */
export interface Stopper extends BestWeights<{ readonly value: number }> {
  readonly monitor: Stopping["monitor"];
  /** True where the call is to end behind `epoch` epochs. */
  readonly isOver: (epoch: number) => boolean;
}

export function createStopper({ monitor, patience, minDelta, restoreBest }: Stopping): Stopper {
  const kept = bestWeights<{ readonly value: number }>(
    "proxbit.earlyStopping",
    ({ value }, best) => {
      if (best === null) return !Number.isNaN(value);
      return monitor === "loss" ? value < best.value - minDelta : value > best.value + minDelta;
    },
    restoreBest,
  );
  return { ...kept, monitor, isOver: (epoch) => epoch - (kept.best()?.epoch ?? 0) >= patience };
}
