/**
 * The remaining time of a grid, learned from its finished runs. A run is expected to take as long as the other seeds of
 * its quantizer and task. Where there are none, it takes the mean of all others.
 */
import { type Cell, cellName, type Run } from "./grid.ts";

export interface TimedRun {
  readonly run: Cell;
  readonly seconds: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Estimates the seconds to the end of the grid.
 *
 * @param timed finished runs
 * @param waiting runs not begun yet
 * @param current seconds and share in [0, 1] of the run at work; null between runs
 * @returns null as long as there is nothing to learn from
 */
export function secondsLeft(
  timed: readonly TimedRun[],
  waiting: readonly Run[],
  current: { readonly run: Cell; readonly seconds: number; readonly share: number } | null,
): number | null {
  // The time of a run that has only begun says little.
  const told = current !== null && current.share > 0.02 ? current.seconds / current.share : null;
  const known =
    current === null || told === null ? timed : [...timed, { run: current.run, seconds: told } satisfies TimedRun];
  if (known.length === 0) return null;
  const overall = mean(known.map(({ seconds }) => seconds));
  const expected = (cell: Cell): number => {
    const same = known.filter(({ run }) => cellName(run) === cellName(cell));
    return same.length === 0 ? overall : mean(same.map(({ seconds }) => seconds));
  };
  const ofCurrent = current === null ? 0 : Math.max(0, (told ?? expected(current.run)) * (1 - current.share));
  return waiting.reduce((sum, run) => sum + expected(run), ofCurrent);
}
