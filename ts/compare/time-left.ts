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

/** A run at work: its share in [0, 1] that is done, and the seconds that this took from the share `from` on, where it went on. */
export interface RunAtWork extends TimedRun {
  readonly from: number;
  readonly share: number;
}

/**
 * Estimates the seconds to the end of the grid.
 *
 * @param timed finished runs
 * @param waiting runs not begun yet
 * @param atWork none between runs; several where they are trained at once
 * @returns null as long as there is nothing to learn from
 */
export function secondsLeft(
  timed: readonly TimedRun[],
  waiting: readonly Run[],
  atWork: readonly RunAtWork[],
): number | null {
  // The time of a run that has only begun says little.
  const told = atWork
    .filter(({ from, share }) => share - from > 0.02)
    .map(({ run, seconds, from, share }) => ({ run, seconds: seconds / (share - from) }));
  const known = [...timed, ...told];
  if (known.length === 0) return null;
  const overall = mean(known.map(({ seconds }) => seconds));
  const expected = (cell: Cell): number => {
    const same = known.filter(({ run }) => cellName(run) === cellName(cell));
    return same.length === 0 ? overall : mean(same.map(({ seconds }) => seconds));
  };
  const begun = atWork.map(({ run, share }) => {
    const own = told.find((one) => one.run === run)?.seconds;
    return Math.max(0, (own ?? expected(run)) * (1 - share));
  });
  const sum = [...begun, ...waiting.map(expected)].reduce((total, seconds) => total + seconds, 0);
  return Math.max(sum / Math.max(1, atWork.length), ...begun);
}
