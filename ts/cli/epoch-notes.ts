/** Notes for people about an epoch that has ended. */
import type { EpochEvent } from "../train/run/events.ts";

/** Warnings, and that the epoch was begun anew. */
export function epochNotes({ warnings = [], rollbacks = 0 }: EpochEvent): readonly string[] {
  if (rollbacks === 0) return warnings;
  const times = rollbacks === 1 ? "" : `, ${rollbacks} times`;
  return [...warnings, `training diverged, and the epoch was begun anew with half the learning rate${times}`];
}

export const failedCheckpoint = (why: string): string => `the checkpoint was not written, and training goes on: ${why}`;
