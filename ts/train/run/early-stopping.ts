/**
 * Early stopping: a call of `fit` ends where the validation has not become better for some epochs, and the weights of the best
 * epoch come back (Prechelt, "Early Stopping - But When?", 1998).
 */
import { booleanOf, integerIn, numberIn, oneOf, plainObject, reject, type Subject } from "../../base/checks.ts";
import type { Engine } from "./engine.ts";
import type { EpochEvent } from "./events.ts";
import { readWeights, writeWeights } from "./trained-weights.ts";

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

/** Watches a call of `fit`. */
export interface Stopper {
  /** The state's name in checkpoints. */
  readonly name: string;
  /** Takes the event of an epoch that has ended, and a copy of its weights where it is the best one so far. */
  readonly offer: (engine: Engine, event: EpochEvent) => Promise<void>;
  /** Whether the call is to end behind `epoch` epochs. */
  readonly isOver: (epoch: number) => boolean;
  /** Puts the weights and statistics of the best epoch in place, where it is another than `epoch`. */
  readonly putBack: (engine: Engine, epoch: number) => Promise<void>;
  readonly save: () => unknown;
  readonly restore: (state: unknown) => void;
}

interface Best {
  readonly epoch: number;
  readonly value: number;
}

export function createStopper({ monitor, patience, minDelta, restoreBest }: Stopping): Stopper {
  let best: Best | null = null;
  let weights: ReadonlyMap<string, Float32Array> = new Map();
  const isBetter = (value: number): boolean => {
    if (best === null) return !Number.isNaN(value);
    return monitor === "loss" ? value < best.value - minDelta : value > best.value + minDelta;
  };
  return {
    name: "proxbit.earlyStopping",
    offer: async (engine, { epoch, validation }) => {
      const value = validation?.[monitor] ?? Number.NaN;
      if (!isBetter(value)) return;
      best = { epoch, value };
      if (restoreBest) weights = await engine.alone(() => readWeights(engine));
    },
    isOver: (epoch) => epoch - (best?.epoch ?? 0) >= patience,
    putBack: async (engine, epoch) => {
      if (restoreBest && best !== null && best.epoch !== epoch) await writeWeights(engine, weights);
    },
    save: () => ({ best, ...Object.fromEntries(weights) }),
    restore: (state) => {
      const { best: found, ...rest } = state as { readonly best: Best | null } & Record<string, Float32Array>;
      best = found;
      weights = new Map(Object.entries(rest));
    },
  };
}
