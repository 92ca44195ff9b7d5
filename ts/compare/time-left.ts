/**
 * How long a grid will still take, learned from the runs that are finished: a run takes as long as the other seeds of its
 * quantizer and task, or else as all others do on the mean.
 */
import { type Cell, cellName, type Run } from "./grid.ts";

export interface TimedRun {
  readonly run: Cell;
  readonly seconds: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Seconds to the end of the grid.
 *
 * @param timed finished runs
 * @param waiting runs not begun yet
 * @param current the run at work: seconds since it began, and the share of it that is done, in [0, 1]; null between runs
 * @returns null as long as there is nothing to learn from
 */
export function secondsLeft(
  timed: readonly TimedRun[],
  waiting: readonly Run[],
  current: { readonly run: Cell; readonly seconds: number; readonly share: number } | null,
): number | null {
  // What has gone by says little of a run that has only begun.
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
