/**
 * The weights of the best epoch so far, by the accuracy of its validation, then by its loss; of equals the first. Whoever ends a
 * run early has them here too.
 */
import type { Engine } from "./engine.ts";
import { readWeights, writeWeights } from "./trained-weights.ts";

/** The best epoch, from 1, and how good it was. */
export interface Best {
  readonly epoch: number;
  readonly accuracy: number;
  readonly loss: number;
}

export interface BestKeeper {
  /** The state's name in checkpoints. */
  readonly name: string;
  /** Takes a copy of the weights where the epoch is better than those before. */
  readonly offer: (engine: Engine, epoch: number, score: Omit<Best, "epoch">) => Promise<void>;
  readonly best: () => Best | null;
  /** Puts the weights and statistics of the best epoch in place, where it is another than `epoch`. */
  readonly putBack: (engine: Engine, epoch: number) => Promise<void>;
  readonly save: () => unknown;
  readonly restore: (state: unknown) => void;
}

export function createBestKeeper(): BestKeeper {
  let best: Best | null = null;
  let weights: ReadonlyMap<string, Float32Array> = new Map();
  return {
    name: "proxbit.best",
    offer: async (engine, epoch, { accuracy, loss }) => {
      const isBetter = best === null || accuracy > best.accuracy || (accuracy === best.accuracy && loss < best.loss);
      if (!isBetter) return;
      best = { epoch, accuracy, loss };
      weights = await engine.alone(() => readWeights(engine));
    },
    best: () => best,
    putBack: async (engine, epoch) => {
      if (best !== null && best.epoch !== epoch) await writeWeights(engine, weights);
    },
    save: () => ({ best, ...Object.fromEntries(weights) }),
    restore: (state) => {
      const { best: found, ...rest } = state as { readonly best: Best | null } & Record<string, Float32Array>;
      best = found;
      weights = new Map(Object.entries(rest));
    },
  };
}
