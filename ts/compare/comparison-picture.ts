/**
 * A comparison as a picture. Each quantizer has a bar with its standard deviation in each task. Below stands the test
 * accuracy after each epoch, one chart a task. Axes begin where the worst result does, and their numbers say so.
 */
import { circle, colourAt, line, polyline, rectangle, svg, ticks, words } from "../show/svg.ts";
import { taskText } from "./grid.ts";
import type { Row } from "./summary.ts";

const [WIDTH, LEFT, RIGHT, BAR, GAP, CHART] = [900, 110, 150, 16, 10, 210] as const;
const [GRID, INK, FAINT] = ["#ddd", "#111", "#555"] as const;

const share = (value: number, digits = 1): string => `${(100 * value).toFixed(digits)} %`;

/** An axis that holds all of `values` with some room, in [0, 1]. */
function axis(values: readonly number[]): { readonly least: number; readonly most: number } {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return { least: 0, most: 1 };
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = Math.max(0.005, 0.15 * (high - low));
  return { least: Math.max(0, low - room), most: Math.min(1, high + room / 3) };
}

/** The tasks in `rows`, in their order; the float network's null is none. */
const tasksOf = (rows: readonly Row[]) => [...new Set(rows.flatMap(({ task }) => (task === null ? [] : [task])))];

/** The quantizer, with the names of the methods that it is trained with. */
const labelOf = ({ quantizer, method }: Row): string =>
  method === undefined ? quantizer : `${quantizer}, ${method.replace(/:[^+]*/g, "")}`;

/** The picture of the rows; `title` stands over it. A quantizer with methods counts as another one. */
export function pictureOf(title: string, given: readonly Row[]): string {
  const rows = given.map((row) => ({ ...row, quantizer: labelOf(row) }));
  const quantizers = [...new Set(rows.map(({ quantizer }) => quantizer))];
  const bars = barsOf(rows, quantizers, 44);
  const charts = chartsOf(rows, quantizers, bars.bottom + 28);
  return svg(title, WIDTH, charts.bottom, [
    words(title, 8, 20, "start", { "font-size": "14", "font-weight": "bold" }),
    ...bars.parts,
    ...charts.parts,
  ]);
}

interface Drawn {
  readonly parts: readonly string[];
  readonly bottom: number;
}

/** One bar a row, those of a quantizer together; a quantizer has a colour, a task its depth. */
function barsOf(rows: readonly Row[], quantizers: readonly string[], top: number): Drawn {
  const tasks = tasksOf(rows);
  const known = rows.flatMap(({ accuracy }) => (accuracy === null ? [] : [accuracy]));
  const { least, most } = axis(
    known.flatMap(({ mean, deviation }) => [mean - (deviation ?? 0), mean + (deviation ?? 0)]),
  );
  const place = (value: number): number => LEFT + ((value - least) / (most - least)) * (WIDTH - LEFT - RIGHT);
  const parts: string[] = [];
  let y = top;
  for (const [index, quantizer] of quantizers.entries()) {
    const own = rows.filter((row) => row.quantizer === quantizer);
    parts.push(words(quantizer, 8, y + (BAR * own.length) / 2 + 4, "start", { "font-weight": "bold" }));
    for (const { task, accuracy, failures } of own) {
      const middle = y + BAR / 2;
      if (task !== null) parts.push(words(taskText(task), LEFT - 8, middle + 4, "end", { fill: FAINT }));
      if (accuracy === null) {
        parts.push(words(failures.length > 0 ? "failed" : "not run", LEFT + 4, middle + 4, "start", { fill: FAINT }));
      } else {
        const { mean, deviation } = accuracy;
        const opacity = task === null ? 1 : 1 - (0.55 * tasks.indexOf(task)) / Math.max(1, tasks.length);
        parts.push(
          `<g opacity="${opacity.toFixed(2)}">${rectangle(LEFT, y + 1, place(mean) - LEFT, BAR - 2, colourAt(index))}</g>`,
          ...errorBar(place(mean - (deviation ?? 0)), place(mean + (deviation ?? 0)), middle),
          words(spreadText(accuracy), place(mean + (deviation ?? 0)) + 8, middle + 4),
        );
      }
      y += BAR;
    }
    y += GAP;
  }
  const grid = ticks(least, most, 8).flatMap((value) => [
    line(place(value), top - 8, place(value), y, GRID),
    words(share(value), place(value), y + 14, "middle", { fill: FAINT }),
  ]);
  const legend = `test accuracy, hard-signed: mean and standard deviation over seeds; bars begin at ${share(least)}`;
  return { parts: [words(legend, 8, top - 8, "start", { fill: FAINT }), ...grid, ...parts], bottom: y + 20 };
}

const spreadText = ({ mean, deviation }: NonNullable<Row["accuracy"]>): string =>
  deviation === null ? share(mean, 2) : `${(100 * mean).toFixed(2)} ± ${share(deviation, 2)}`;

const errorBar = (from: number, to: number, middle: number): readonly string[] =>
  to - from < 0.5
    ? []
    : [
        line(from, middle, to, middle, INK),
        line(from, middle - 4, from, middle + 4, INK),
        line(to, middle - 4, to, middle + 4, INK),
      ];

/** The course of each quantizer, one chart a task. Each chart has the float network too; all have one axis. */
function chartsOf(rows: readonly Row[], quantizers: readonly string[], top: number): Drawn {
  const { least, most } = axis(
    rows.flatMap(({ course, softCourse }) => [...course, ...softCourse.flatMap((value) => value ?? [])]),
  );
  const epochs = Math.max(1, ...rows.map(({ course }) => course.length));
  const parts: string[] = [];
  let y = top;
  const tasks = tasksOf(rows);
  for (const task of tasks.length === 0 ? [null] : tasks) {
    const own = rows.filter((row) => (row.task === task || row.task === null) && row.course.length > 0);
    const title =
      task === null
        ? "test accuracy after each epoch, hard-signed"
        : `${taskText(task)}: test accuracy after each epoch, hard-signed (dashed: soft)`;
    const height = Math.max(CHART, 16 * own.length);
    const bottom = y + height;
    const across = (epoch: number): number =>
      epochs === 1 ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + ((epoch - 1) / (epochs - 1)) * (WIDTH - LEFT - RIGHT);
    const up = (value: number): number => bottom - ((value - least) / (most - least)) * height;
    parts.push(words(title, 8, y - 8, "start", { fill: FAINT }));
    for (const value of ticks(least, most, 6)) {
      parts.push(
        line(LEFT, up(value), WIDTH - RIGHT, up(value), GRID),
        words(share(value), LEFT - 8, up(value) + 4, "end", { fill: FAINT }),
      );
    }
    parts.push(words("epoch", WIDTH - RIGHT + 20, bottom + 16, "start", { fill: FAINT }));
    for (const epoch of ticks(1, epochs, Math.min(epochs - 1, 10)).filter(Number.isInteger)) {
      parts.push(words(String(epoch), across(epoch), bottom + 16, "middle", { fill: FAINT }));
    }
    for (const { quantizer, course, softCourse } of own) {
      const colour = colourAt(quantizers.indexOf(quantizer));
      const pointsOf = (values: readonly (number | null)[]): readonly (readonly [number, number])[] =>
        values.flatMap((value, epoch) => (value === null ? [] : [[across(epoch + 1), up(value)] as const]));
      const [hard, soft] = [pointsOf(course), pointsOf(softCourse)];
      // A single point would be a line of no length.
      if (hard.length > 1) parts.push(polyline(hard, colour));
      if (soft.length > 1) parts.push(polyline(soft, colour, { "stroke-dasharray": "3 3", "stroke-width": 1 }));
      for (const [x, y] of hard) parts.push(circle(x, y, 2.4, colour));
      for (const [x, y] of soft) parts.push(circle(x, y, 1.6, colour));
    }
    parts.push(...namesOf(own, quantizers, up, y, bottom));
    y = bottom + 52;
  }
  return { parts, bottom: y - 26 };
}

const NAME_HEIGHT = 14;

/** The quantizers' names beside the ends of their lines, moved apart where they would meet. */
function namesOf(
  rows: readonly Row[],
  quantizers: readonly string[],
  up: (value: number) => number,
  top: number,
  bottom: number,
): readonly string[] {
  const ends = rows
    .map(({ quantizer, course }) => ({ quantizer, end: course.at(-1) ?? 0, y: up(course.at(-1) ?? 0) }))
    .toSorted((one, other) => one.y - other.y);
  const places: number[] = [];
  for (const { y } of ends) places.push(Math.max(y, (places.at(-1) ?? top - NAME_HEIGHT) + NAME_HEIGHT));
  // Pushed back up from the foot of the chart.
  for (let index = places.length - 1, limit = bottom; index >= 0; index--, limit -= NAME_HEIGHT) {
    places[index] = Math.min(places[index] ?? limit, limit);
  }
  return ends.flatMap(({ quantizer, end, y }, index) => {
    const place = places[index] ?? y;
    const colour = colourAt(quantizers.indexOf(quantizer));
    return [
      line(WIDTH - RIGHT + 5, y, WIDTH - RIGHT + 16, place, colour, { "stroke-width": "0.8" }),
      words(`${quantizer}  ${share(end)}`, WIDTH - RIGHT + 20, place + 4, "start", { fill: colour }),
    ];
  });
}
