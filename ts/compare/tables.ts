/**
 * The tables of a comparison, as titles and cells that a terminal and a page share. Rows stand in the order of their tasks, the
 * best first. The soft accuracy has a table of its own, because it is of another network than the one that is shipped.
 */
import { type Task, tasks } from "../nn/models/tasks.ts";
import { taskText } from "./grid.ts";
import { isTold, pairsOf } from "./pairs.ts";
import { differenceOf, type Interval, type PairedDifference, type Spread } from "./statistics.ts";
import { bySeed, type Row } from "./summary.ts";

export interface Cells {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** "88.12 ± 0.21", in percent; without a deviation where there was one run. */
export function spreadText(spread: Spread | null): string {
  if (spread === null) return "";
  const mean = (100 * spread.mean).toFixed(2);
  return spread.deviation === null ? mean : `${mean} ± ${(100 * spread.deviation).toFixed(2)}`;
}

/** "+0.88": a difference in points. */
export const pointsText = (difference: number): string => {
  const text = (100 * difference).toFixed(2);
  return difference < 0 ? text.replace(/^-(0\.00)$/, "$1") : `+${text}`;
};

const intervalText = (interval: Interval | null, text: (value: number) => string): string =>
  interval === null ? "" : `${text(interval.low)} to ${text(interval.high)}`;

const percentText = (value: number): string => (100 * value).toFixed(2);

/** "+0.88 (+0.20 to +1.56)". */
export function differenceText({ mean, interval }: PairedDifference): string {
  const around = interval === null ? "" : ` (${intervalText(interval, pointsText)})`;
  return `${pointsText(mean)}${around}`;
}

/** "0.8812 ± 0.0021": a metric, of which nobody knows a unit. */
const metricText = (spread: Spread | null | undefined): string => {
  if (spread === null || spread === undefined) return "";
  return spread.deviation === null
    ? spread.mean.toFixed(4)
    : `${spread.mean.toFixed(4)} ± ${spread.deviation.toFixed(4)}`;
};

/** The best row first, failed ones last. */
export function byMean(rows: readonly Row[]): readonly Row[] {
  const mean = ({ accuracy }: Row): number => accuracy?.mean ?? -1;
  return rows.toSorted((one, other) => mean(other) - mean(one));
}

/** Rows by their tasks, the float network first, and within a task the best first. */
export const ranked = (rows: readonly Row[]): readonly Row[] =>
  [null, ...tasksOf(rows)].flatMap((task) => byMean(rows.filter((row) => row.task === task)));

/** The tasks in `rows`, in their order; the float network's null is none. */
export const tasksOf = (rows: readonly Row[]) => [
  ...new Set(rows.flatMap(({ task }) => (task === null ? [] : [task]))),
];

/**
 * The rows of the table of `task`, the best first. The float network's row stands in each, held against the baseline of that
 * task; with a task of null it stands alone.
 */
export function tableOf(rows: readonly Row[], task: Task | null): readonly Row[] {
  const own = rows.filter((row) => row.task === task || row.task === null);
  const baseline = own.find(({ isBaseline }) => isBaseline);
  const held = own.map((row) =>
    row.task !== null || row.isBaseline || baseline === undefined
      ? row
      : { ...row, against: differenceOf(bySeed(row), bySeed(baseline)) },
  );
  return byMean(held);
}

/** The tables of all tasks; one of no task where there is the float network alone. */
export function tablesOf(
  rows: readonly Row[],
): readonly { readonly task: Task | null; readonly rows: readonly Row[] }[] {
  const kinds = tasksOf(rows);
  return (kinds.length === 0 ? [null] : kinds).map((task) => ({ task, rows: tableOf(rows, task) }));
}

/** The name of a row, with the activations' quantizer where that is another. */
export const nameOf = ({ quantizer, activationQuantizer }: Row): string =>
  activationQuantizer === null ? quantizer : `${quantizer}, activations ${activationQuantizer}`;

/** The quantizer that others are held against; null where there is none to hold against it. */
export function baselineOf(rows: readonly Row[]): string | null {
  return rows.some(({ against }) => against !== null)
    ? (rows.find(({ isBaseline }) => isBaseline)?.quantizer ?? null)
    : null;
}

type TextColumn = readonly [title: string, text: (row: Row) => string];

/** The methods of rows, where some row has any. */
const methodColumn = (rows: readonly Row[]): readonly TextColumn[] =>
  rows.some(({ method }) => method !== undefined) ? [["method", ({ method }) => method ?? "-"]] : [];

/** The results of hard-signed networks. `withTask` adds the column that tells tasks apart, `withStatistics` those of the page. */
export function accuracyCells(
  rows: readonly Row[],
  { withTask, withStatistics }: { readonly withTask: boolean; readonly withStatistics: boolean },
): Cells {
  const metrics = [...new Set(rows.flatMap(({ metrics = {} }) => Object.keys(metrics)))];
  const baseline = baselineOf(rows);
  const columns: readonly TextColumn[] = [
    ["quantizer", nameOf],
    ...(withTask ? [["task", ({ task }: Row) => (task === null ? "-" : taskText(task))] as const] : []),
    ...methodColumn(rows),
    ["test accuracy, %", ({ accuracy }) => (accuracy === null ? "failed" : spreadText(accuracy))],
    ...(withStatistics
      ? [["95 % interval of the mean", ({ interval }: Row) => intervalText(interval, percentText)] as const]
      : []),
    ...(baseline === null
      ? []
      : [
          [
            `against ${baseline}, points${withStatistics ? " (95 %)" : ""}`,
            ({ against, isBaseline }: Row) => {
              if (against === null) return isBaseline ? "baseline" : "";
              return withStatistics ? differenceText(against) : pointsText(against.mean);
            },
          ] as const,
        ]),
    ...(baseline === null || !withStatistics
      ? []
      : [["effect", ({ against }: Row) => (against?.effect == null ? "" : against.effect.toFixed(1))] as const]),
    [
      "runs",
      ({ accuracies, failures }) =>
        failures.length === 0 ? String(accuracies.length) : `${accuracies.length}, ${failures.length} failed`,
    ],
    ["median seconds of a run", ({ medianSeconds }) => (medianSeconds === null ? "" : medianSeconds.toFixed(1))],
    ...metrics.map((name) => [name, (row: Row) => metricText(row.metrics?.[name])] as const),
  ];
  return cellsOf(columns, rows);
}

/** The soft accuracy after the last soft epoch, and the hard-signed one of that epoch; null where nothing was soft. */
export function softCells(rows: readonly Row[]): Cells | null {
  const hardOf = ({ soft, course }: Row): number => course[(soft?.epoch ?? 0) - 1] ?? Number.NaN;
  const own = rows.filter(({ soft }) => soft !== null);
  if (own.length === 0) return null;
  const columns: readonly TextColumn[] = [
    ["quantizer", nameOf],
    ["task", ({ task }) => (task === null ? "-" : taskText(task))],
    ...methodColumn(own),
    ["soft accuracy, %", ({ soft }) => spreadText(soft)],
    ["hard-signed then, %", (row) => percentText(hardOf(row))],
    ["moved by the sign, points", (row) => pointsText(hardOf(row) - (row.soft?.mean ?? Number.NaN))],
    ["after epoch", ({ soft }) => String(soft?.epoch)],
  ];
  return cellsOf(columns, own);
}

const cellsOf = (columns: readonly TextColumn[], rows: readonly Row[]): Cells => ({
  titles: columns.map(([title]) => title),
  rows: rows.map((row) => columns.map(([, text]) => text(row))),
});

/** Pairs against their originals; null where there is none. */
export function pairCells(rows: readonly Row[]): Cells | null {
  const pairs = pairsOf(rows);
  if (pairs.length === 0) return null;
  const methods = pairs.some(({ row }) => row.method !== undefined);
  return {
    titles: ["pair", "original", "task", ...(methods ? ["method"] : []), "points (95 %)", "effect", "seeds"],
    rows: pairs.map(({ row, original, difference }) => [
      ...[nameOf(row), original, row.task === null ? "-" : taskText(row.task)],
      ...(methods ? [row.method ?? "-"] : []),
      ...[differenceText(difference), difference.effect?.toFixed(1) ?? "", String(difference.pairs)],
    ]),
  };
}

/** A sentence of the pairs that the seeds tell from their originals; none where there are no pairs of several seeds. */
export function pairFindings(rows: readonly Row[]): readonly string[] {
  const pairs = pairsOf(rows).filter(({ difference }) => difference.interval !== null);
  const apart = pairs.filter(({ difference }) => isTold(difference));
  if (pairs.length === 0) return [];
  const told = apart.map(({ row, original, difference }) => {
    const task = row.task === null ? "" : ` (${taskText(row.task)})`;
    return `${nameOf(row)} from ${original}${task} by ${differenceText(difference)} points`;
  });
  const all = `${pairs.length} ${pairs.length === 1 ? "pair" : "pairs"}`;
  if (told.length === 0) return [`These seeds tell no pair from its original, of ${all}.`];
  return [`These seeds tell ${told.length} of ${all} from the original: ${told.join("; ")}.`];
}

/** A sentence for each task: the best quantizer, and whether the seeds tell it from the baseline. */
export function findings(rows: readonly Row[]): readonly string[] {
  const baseline = baselineOf(rows);
  return tasksOf(rows).flatMap((task) => {
    const [best] = ranked(rows.filter((row) => row.task === task));
    if (best?.accuracy == null) return [];
    const { accuracy, against, accuracies, failures } = best;
    const n = accuracies.length - failures.length;
    const way = best.method === undefined ? "" : ` with ${best.method}`;
    const who = `${tasks[task].title} (${taskText(task)}): ${nameOf(best)}${way} is best with ${spreadText(accuracy)} %, n = ${n}`;
    if (best.isBaseline && baseline !== null) return [`${who}. It is the baseline.`];
    if (baseline === null || against === null) return [`${who}.`];
    const apart = `${differenceText(against)} points against ${baseline}`;
    if (against.interval === null) return [`${who}, ${apart}. One seed does not tell how much of that is chance.`];
    const { low, high } = against.interval;
    return [`${who}, ${apart}.${low <= 0 && high >= 0 ? ` These seeds do not tell it from ${baseline}.` : ""}`];
  });
}
