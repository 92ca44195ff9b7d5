/** The summary of a grid: mean and standard deviation over seeds for each quantizer in each task. */
import type { Cell } from "./grid.ts";
import { cellName } from "./grid.ts";
import type { EpochResult, RunResult } from "./run-file.ts";
import type { FinishedRun } from "./run-grid.ts";

/** Mean, and the standard deviation of the sample (divided by n - 1). One run has no deviation, so that is null. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

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
  /**
   * Test accuracy of the soft network (F(w) in place of sign(w)) after the last soft epoch. Null where none was soft.
   */
  readonly soft: (Spread & { readonly epoch: number }) | null;
  readonly seconds: Spread | null;
  /** The metrics that runs were asked for, by name, over the runs that did not fail; absent where there were none. */
  readonly metrics?: Readonly<Record<string, Spread | null>>;
  /** Mean test accuracy after each epoch. */
  readonly course: readonly number[];
  /** The same of the soft network; null after an epoch that ended with a hard one. */
  readonly softCourse: readonly (number | null)[];
  /** The messages of the failed runs. */
  readonly failures: readonly string[];
}

/** Yields null for no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/** Means over runs of the metrics that they have. */
function metricsOf(results: readonly RunResult[]): Pick<Row, "metrics"> {
  const names = [...new Set(results.flatMap(({ metrics = {} }) => Object.keys(metrics)))];
  if (names.length === 0) return {};
  const valuesOf = (name: string): readonly number[] => results.flatMap(({ metrics = {} }) => metrics[name] ?? []);
  return { metrics: Object.fromEntries(names.map((name) => [name, spreadOf(valuesOf(name))])) };
}

/**
 * Yields one row for each cell of `finished`, in the order of `cells`. A cell's runs stand in the order of their seeds.
 */
export function summarise(cells: readonly Cell[], finished: readonly FinishedRun[]): readonly Row[] {
  return cells.map((cell) => {
    const own = finished
      .filter(({ run }) => cellName(run) === cellName(cell))
      .toSorted((one, other) => one.run.seed - other.run.seed);
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
      soft: soft === null ? null : { ...soft, epoch: lastSoft + 1 },
      ...metricsOf(results),
      seconds: spreadOf(results.map(({ seconds }) => seconds)),
      course: courses.map(({ hard }) => hard?.mean ?? Number.NaN),
      softCourse: courses.map(({ soft: one }) => one?.mean ?? null),
      failures: own.flatMap(({ outcome }) => (outcome.failure === null ? [] : [outcome.failure])),
    };
  });
}
