/**
 * A comparison as a picture. Each task has a chart of its own with the best quantizer above. A dot is the mean, its bar the
 * interval of the mean, small dots are single seeds. A line stands where the baseline is, and a dashed one where the float network
 * is. Below stand pairs against their originals, where there are some, and the test accuracy after each epoch.
 */
import { circle, colourAt, line, rectangle, svg, ticks, words } from "../show/svg.ts";
import { axis, type Drawn, FAINT, GRID, INK, LEFT, RIGHT, share, WIDTH } from "./chart-axis.ts";
import { chartsOf } from "./course-charts.ts";
import { FLOAT, taskText } from "./grid.ts";
import { pairsOf } from "./pairs.ts";
import { pairName, pairsChart } from "./pairs-chart.ts";
import type { Row } from "./summary.ts";
import { baselineOf, nameOf, pointsText, ranked, spreadText, tablesOf } from "./tables.ts";

const ROW = 20;
/** The width of a letter, in pixels. */
const LETTER = 6.2;

/** Methods without their options: "two-step" of "two-step:share=0.3". */
const namesOf = (method: string): string => method.replace(/:[^+]*/g, "");

/** The quantizer, with the methods that it is trained with. They have their options where names do not tell them apart. */
function labelOf({ quantizer, method }: Row, methods: readonly string[]): string {
  if (method === undefined) return quantizer;
  const isAlone = methods.every((other) => other === method || namesOf(other) !== namesOf(method));
  return `${quantizer}, ${isAlone ? namesOf(method) : method}`;
}

/** The picture of the rows; `title` stands over it. A quantizer with methods counts as another one. */
export function pictureOf(title: string, given: readonly Row[]): string {
  const methods = given.flatMap(({ method }) => method ?? []);
  const labelled = (row: Row): Row => ({ ...row, quantizer: labelOf(row, methods) });
  const rows = given.map(labelled);
  const pairs = pairsOf(ranked(given)).map((pair) => ({ ...pair, row: labelled(pair.row) }));
  const quantizers = [...new Set(rows.map(({ quantizer }) => quantizer))];
  const dots = dotsOf(rows, quantizers, 36);
  const differences = pairsChart(pairs, quantizers, dots.bottom + (pairs.length === 0 ? 0 : 34));
  const charts = chartsOf(rows, quantizers, differences.bottom + 30);
  // Names with options need more room, left of dots and right of courses.
  const names = [...rows.map(nameOf), ...pairs.map(pairName)];
  const more = Math.max(0, ...names.map((name) => LETTER * name.length + 20 - LEFT));
  return svg(title, WIDTH + 2 * more, charts.bottom, [
    words(title, 8, 20, "start", { "font-size": "14", "font-weight": "bold" }),
    `<g transform="translate(${Math.ceil(more)} 0)">`,
    ...dots.parts,
    ...differences.parts,
    ...charts.parts,
    "</g>",
  ]);
}

/** The charts of all tasks, on one axis, so that tasks can be compared too. */
function dotsOf(rows: readonly Row[], quantizers: readonly string[], top: number): Drawn {
  const tables = tablesOf(rows);
  // An interval of two seeds is many times as wide as all results. It runs out of its chart then.
  const known = rows.flatMap(({ accuracy, accuracies }) => [
    ...(accuracy === null
      ? []
      : [accuracy.mean - (accuracy.deviation ?? 0), accuracy.mean + (accuracy.deviation ?? 0)]),
    ...accuracies.flatMap((value) => value ?? []),
  ]);
  const { least, most } = axis(known);
  const place = (value: number): number =>
    LEFT + ((Math.max(least, Math.min(most, value)) - least) / (most - least)) * (WIDTH - LEFT - RIGHT);
  const baseline = baselineOf(tables.flatMap((table) => table.rows));
  const others = rows.some(({ quantizer }) => quantizer === FLOAT) ? "; dashed: the float network" : "";
  const legend = `test accuracy, hard-signed. Dot: mean; bar: its 95 % interval; small: seeds${baseline === null ? "" : `; line: ${baseline}, the baseline`}${others}`;
  const parts = [words(legend, 8, top, "start", { fill: FAINT })];
  let y = top + 22;
  for (const { task, rows: own } of tables) {
    const bottom = y + 10 + ROW * own.length;
    if (task !== null) parts.push(words(taskText(task), 8, y, "start", { "font-weight": "bold", "font-size": "13" }));
    for (const value of ticks(least, most, 8)) {
      parts.push(
        line(place(value), y + 6, place(value), bottom, GRID),
        words(share(value), place(value), bottom + 13, "middle", { fill: FAINT }),
      );
    }
    parts.push(...referencesOf(own, y + 6, bottom, place));
    own.forEach((row, index) => {
      parts.push(...rowParts(row, y + 10 + ROW * (index + 0.5), colourAt(quantizers.indexOf(row.quantizer)), place));
    });
    y = bottom + 40;
  }
  return { parts, bottom: y - 20 };
}

/** The lines at the baseline's mean, with its interval behind them, and at the float network's. */
function referencesOf(
  rows: readonly Row[],
  top: number,
  bottom: number,
  place: (value: number) => number,
): readonly string[] {
  if (baselineOf(rows) === null) return [];
  return rows.flatMap(({ quantizer, accuracy, interval, isBaseline }) => {
    if (accuracy === null || !(isBaseline || quantizer === FLOAT)) return [];
    const x = place(accuracy.mean);
    if (!isBaseline) return [line(x, top, x, bottom, INK, { "stroke-dasharray": "4 3", "stroke-width": 0.8 })];
    const [low, high] = [place(interval?.low ?? accuracy.mean), place(interval?.high ?? accuracy.mean)];
    return [
      ...(high > low ? [rectangle(low, top, high - low, bottom - top, "#f0f0f0")] : []),
      line(x, top, x, bottom, INK, { "stroke-width": 1.2 }),
    ];
  });
}

/** The text beside a row's dot: its numbers, and the difference to the baseline. */
function textOf({ accuracy, against, isBaseline }: Row): string {
  const mean = `${spreadText(accuracy)} %`;
  return against === null ? mean : `${mean}, ${isBaseline ? "" : pointsText(against.mean)}`;
}

function rowParts(row: Row, y: number, colour: string, place: (value: number) => number): readonly string[] {
  const { accuracy, accuracies, interval, failures } = row;
  const name = words(nameOf(row), LEFT - 10, y + 4, "end", row.isBaseline ? { "font-weight": "bold" } : {});
  if (accuracy === null) {
    return [name, words(failures.length > 0 ? "failed" : "not run", LEFT + 4, y + 4, "start", { fill: FAINT })];
  }
  const seeds = accuracies.flatMap((value) => (value === null ? [] : [circle(place(value), y, 1.8, FAINT)]));
  const bar =
    interval === null ? [] : [line(place(interval.low), y, place(interval.high), y, colour, { "stroke-width": 3 })];
  return [
    name,
    ...bar,
    circle(place(accuracy.mean), y, 4.5, colour),
    ...seeds,
    words(textOf(row), WIDTH - RIGHT + 10, y + 4),
  ];
}
