/** The test accuracy after each epoch, one chart a task, soft networks in dashes. Axes begin where the worst result does. */
import { circle, colourAt, line, polyline, ticks, words } from "../show/svg.ts";
import { axis, type Drawn, FAINT, GRID, LEFT, RIGHT, share, WIDTH } from "./chart-axis.ts";
import { taskText } from "./grid.ts";
import type { Row } from "./summary.ts";
import { tasksOf } from "./tables.ts";

const CHART = 210;

/** The course of each quantizer, one chart a task. Each chart has the float network too; all have one axis. */
export function chartsOf(rows: readonly Row[], quantizers: readonly string[], top: number): Drawn {
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
