/** A watch over the losses of a call of `fit`, which tells of one that explodes. */
import type { EpochEvent, StepEvent } from "./events.ts";

export interface LossWatch {
  readonly step: (event: StepEvent) => void;
  /** The warnings of an epoch, for its event. */
  readonly epoch: (event: Pick<EpochEvent, "epoch" | "loss">) => Pick<EpochEvent, "warnings">;
}

/** A mean so many times the loss that the call began with is no noise of batches. */
const EXPLODED = 10;

/** A watch that has seen nothing. A call that goes on after an interruption begins anew with the first loss that it sees. */
export function watchLoss(): LossWatch {
  let first: number | null = null;
  return {
    step: ({ loss }) => {
      first ??= loss;
    },
    epoch: ({ epoch, loss }) => {
      if (first === null || !(loss > EXPLODED * Math.abs(first))) return {};
      const numbers = `its mean is ${loss.toPrecision(3)}, and training began with ${first.toPrecision(3)}`;
      return { warnings: [`the loss explodes in epoch ${epoch}: ${numbers}; use a lower learning rate or clipNorm`] };
    },
  };
}
