/**
 * The summary of a grid. For each quantizer in each task it has mean, deviation and interval over seeds, and the difference to a
 * baseline, paired by seed.
 */
import { median } from "../base/quantiles.ts";
import type { Cell } from "./grid.ts";
import { cellName, FLOAT } from "./grid.ts";
import type { EpochResult, RunResult } from "./run-file.ts";
import type { FinishedRun } from "./run-grid.ts";
import {
  type BySeed,
  differenceOf,
  type Interval,
  intervalOf,
  type PairedDifference,
  type Spread,
  spreadOf,
} from "./statistics.ts";

export interface Row extends Cell {
  /**
   * The activations' quantizer where `quantizer` is for weights alone; null where both are one, or activations are
   * real.
   */
  readonly activationQuantizer: string | null;
  readonly seeds: readonly number[];
  /** Test accuracies of the hard-signed network in the order of `seeds`; null for a run that failed. */
  readonly accuracies: readonly (number | null)[];
  /** Over the runs that did not fail; null where all did. */
  readonly accuracy: Spread | null;
  /** The interval of their mean, with 95 % confidence; null for fewer than two runs. */
  readonly interval: Interval | null;
  /** True for the rows that others are held against. */
  readonly isBaseline: boolean;
  /**
   * The difference to the baseline of this task; null for the baseline, and where no seed is in both. The float network has no
   * task, and so a difference only in the table of each (`tableOf`).
   */
  readonly against: PairedDifference | null;
  /**
   * Test accuracy of the soft network (F(w) in place of sign(w)) after the last soft epoch. Null where none was soft.
   */
  readonly soft: (Spread & { readonly epoch: number }) | null;
  readonly seconds: Spread | null;
  /** The median of the same, which one run on a busy machine does not move; null where all failed. */
  readonly medianSeconds: number | null;
  /** The metrics that runs were asked for, by name, over the runs that did not fail; absent where there were none. */
  readonly metrics?: Readonly<Record<string, Spread | null>>;
  /** Mean test accuracy after each epoch. */
  readonly course: readonly number[];
  /** The same of the soft network; null after an epoch that ended with a hard one. */
  readonly softCourse: readonly (number | null)[];
  /** The messages of the failed runs. */
  readonly failures: readonly string[];
}

/** The test accuracies of a row by their seeds. */
export const bySeed = ({ seeds, accuracies }: Pick<Row, "seeds" | "accuracies">): BySeed =>
  new Map(seeds.map((seed, i) => [seed, accuracies[i] ?? null]));

/** Means over runs of the metrics that they have. */
function metricsOf(results: readonly RunResult[]): Pick<Row, "metrics"> {
  const names = [...new Set(results.flatMap(({ metrics = {} }) => Object.keys(metrics)))];
  if (names.length === 0) return {};
  const valuesOf = (name: string): readonly number[] => results.flatMap(({ metrics = {} }) => metrics[name] ?? []);
  return { metrics: Object.fromEntries(names.map((name) => [name, spreadOf(valuesOf(name))])) };
}

/** BinaryConnect, which has no map to get wrong, or the float network; else the first quantizer. Null for none. */
export function usualBaseline(cells: readonly Cell[]): string | null {
  const names = cells.map(({ quantizer }) => quantizer);
  return ["bc", FLOAT].find((name) => names.includes(name)) ?? names[0] ?? null;
}

/**
 * Yields one row for each cell of `finished`, in the order of `cells`. A cell's runs stand in the order of their seeds. Rows are
 * held against the quantizer `baseline` without methods in the same task; the float network's row is that of every task.
 */
export function summarise(
  cells: readonly Cell[],
  finished: readonly FinishedRun[],
  baseline: string | null = usualBaseline(cells),
): readonly Row[] {
  const runsOf = (cell: Cell): readonly FinishedRun[] =>
    finished
      .filter(({ run }) => cellName(run) === cellName(cell))
      .toSorted((one, other) => one.run.seed - other.run.seed);
  const accuraciesOf = (cell: Cell): BySeed =>
    new Map(runsOf(cell).map(({ run, outcome }) => [run.seed, outcome.result?.testAccuracy ?? null]));
  return cells.map((cell) => {
    const own = runsOf(cell);
    const isBaseline = cell.quantizer === baseline && cell.method === undefined;
    const other = cells.find(
      ({ quantizer, task, method }) =>
        quantizer === baseline && method === undefined && (task === null || task === cell.task),
    );
    const results = own.flatMap(({ outcome }) => (outcome.result === null ? [] : [outcome.result]));
    const last = Math.max(0, ...results.map(({ epochs }) => epochs.length));
    const after = (epoch: number): readonly EpochResult[] =>
      results.flatMap(({ epochs }) => epochs.slice(epoch, epoch + 1));
    const courses = Array.from({ length: last }, (_, epoch) => ({
      hard: spreadOf(after(epoch).map(({ testAccuracy }) => testAccuracy)),
      soft: spreadOf(after(epoch).flatMap(({ softAccuracy }) => (softAccuracy === undefined ? [] : [softAccuracy]))),
    }));
    const lastSoft = courses.findLastIndex(({ soft }) => soft !== null);
    const soft = courses[lastSoft]?.soft ?? null;
    return {
      ...cell,
      activationQuantizer: own[0]?.run.identity.activationQuantizer ?? null,
      seeds: own.map(({ run }) => run.seed),
      accuracies: own.map(({ outcome }) => outcome.result?.testAccuracy ?? null),
      accuracy: spreadOf(results.map(({ testAccuracy }) => testAccuracy)),
      interval: intervalOf(results.map(({ testAccuracy }) => testAccuracy)),
      isBaseline,
      against: isBaseline || other === undefined ? null : differenceOf(accuraciesOf(cell), accuraciesOf(other)),
      soft: soft === null ? null : { ...soft, epoch: lastSoft + 1 },
      ...metricsOf(results),
      seconds: spreadOf(results.map(({ seconds }) => seconds)),
      medianSeconds: results.length === 0 ? null : median(results.map(({ seconds }) => seconds)),
      course: courses.map(({ hard }) => hard?.mean ?? Number.NaN),
      softCourse: courses.map(({ soft: one }) => one?.mean ?? null),
      failures: own.flatMap(({ outcome }) => (outcome.failure === null ? [] : [outcome.failure])),
    };
  });
}
