/** The epochs that a run has made, which may be fewer than were asked for, and the one whose weights its file gets. */
import type { EpochEvent } from "../train/run/events.ts";
import type { KeptRun } from "./checkpoint.ts";

export interface EpochsMade {
  readonly epochs: number;
  /** From 1; undefined for the last one, where no other could have been kept. */
  readonly keptEpoch: number | undefined;
}

/** The epochs of a run whose events are `history`; `planned` where it has none. */
export function epochsMade(
  history: readonly EpochEvent[],
  planned: number,
  { keep, patience }: Pick<KeptRun, "keep"> & { readonly patience: number | undefined },
): EpochsMade {
  const last = history.at(-1);
  const best = keep === "best" ? last?.best?.epoch : patience === undefined ? undefined : leastLoss(history);
  return { epochs: last?.epoch ?? planned, keptEpoch: best };
}

/** The first epoch with the least loss on the test examples, which early stopping goes back to; the last where none has one. */
function leastLoss(history: readonly EpochEvent[]): number | undefined {
  let best: { readonly epoch: number; readonly loss: number } | undefined;
  for (const { epoch, validation } of history) {
    const loss = validation?.loss ?? Number.NaN;
    if (!Number.isNaN(loss) && (best === undefined || loss < best.loss)) best = { epoch, loss };
  }
  return best?.epoch ?? history.at(-1)?.epoch;
}
