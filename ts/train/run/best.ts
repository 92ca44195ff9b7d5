/** The weights of the best epoch so far, which checkpoints keep as they keep the state of a task. */
import { integerIn } from "../../base/checks.ts";
import type { Engine } from "./engine.ts";
import { savedTensors } from "./saved-tensors.ts";
import { readWeights, writeWeights } from "./trained-weights.ts";

/** An epoch, from 1, and its score. */
export type Scored<Score> = Score & { readonly epoch: number };

/** The best epoch, by the accuracy of its validation, then by its loss; of equals the first. */
export type Best = Scored<{ readonly accuracy: number; readonly loss: number }>;

export interface BestWeights<Score> {
  /** The state's name in checkpoints. */
  readonly name: string;
  /** Takes a copy of the weights where the epoch is better than those before. */
  readonly offer: (engine: Engine, scored: Scored<Score>) => Promise<void>;
  readonly best: () => Scored<Score> | null;
  /** The epoch that `putBack` goes back to; null where it goes back to none. */
  readonly kept: () => number | null;
  /** Puts the weights and statistics of the best epoch in place, where it is another than `epoch`. */
  readonly putBack: (engine: Engine, epoch: number) => Promise<void>;
  readonly save: () => unknown;
  readonly restore: (state: unknown) => void;
}

/** Keeps the weights of the epoch that `isBetter` prefers; their score alone where nobody puts them back. */
export function bestWeights<Score extends object>(
  name: string,
  isBetter: (score: Score, best: Score | null) => boolean,
  putsBack = true,
): BestWeights<Score> {
  let best: Scored<Score> | null = null;
  let weights: ReadonlyMap<string, Float32Array> = new Map();
  return {
    name,
    offer: async (engine, scored) => {
      if (!isBetter(scored, best)) return;
      best = scored;
      if (putsBack) weights = await engine.alone(() => readWeights(engine));
    },
    best: () => best,
    kept: () => (putsBack ? (best?.epoch ?? null) : null),
    putBack: async (engine, epoch) => {
      if (putsBack && best !== null && best.epoch !== epoch) await writeWeights(engine, weights);
    },
    save: () => ({ best, ...Object.fromEntries(weights) }),
    restore: (state) => {
      const { best: found, ...rest } = state as { readonly best: Scored<Score> | null } & Record<string, unknown>;
      if (found !== null)
        integerIn(found.epoch, 1, Number.MAX_SAFE_INTEGER, "epoch", { code: "checkpoint", what: name });
      best = found;
      weights = savedTensors(rest);
    },
  };
}

/** The keeper behind `keep: "best"`. */
export const keepBest = (): BestWeights<Omit<Best, "epoch">> =>
  bestWeights("proxbit.best", ({ accuracy, loss }, best) => {
    if (best === null) return true;
    // Where outputs are real numbers there is no accuracy, and it is NaN.
    return accuracy > best.accuracy || (Object.is(accuracy, best.accuracy) && loss < best.loss);
  });
