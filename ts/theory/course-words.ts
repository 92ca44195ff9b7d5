/** The course of a quantizer as people read it: a table, and two panels that stand beside those of its maps. */
import type { Quantizer } from "../quantizers/index.ts";
import type { Line, Panel, Point } from "../show/panel.ts";
import { formatTable, wrapped } from "../show/table.ts";
import { type Course, type CourseRow, domainOf, gapAt, margins, valuesAt } from "./course.ts";
import { panel } from "./panels.ts";

/** Three digits; with an exponent where the first of them stands far behind the point. */
function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

const moment = ({ progress, before }: CourseRow): string => `${before ? "before " : ""}${short(progress)}`;

/** When the map hardens, and what its hardest leap can be. */
function summary({ hardFrom, domain, clip, rows }: Course): string {
  if (hardFrom === 0) return "F is the sign throughout, so that hardening changes nothing";
  const last = rows.findLast(({ hard }) => !hard);
  const range = clip === undefined ? "" : `, as latent weights are clipped at ${short(clip)}`;
  const where = `on [${domain.map(short).join(", ")}]${range}`;
  const gaps = margins.flatMap((margin, index) => {
    const gap = last?.gaps[index] ?? null;
    return gap === null ? [] : [`${short(gap)} where |x| >= ${margin}`];
  });
  const when =
    hardFrom === 1 ? "F never hardens by itself; the sign in its place" : `F hardens at ${short(hardFrom)}; this`;
  return `${when} moves values by up to ${gaps.join(", ")} (${where})`;
}

/** A sentence on `course`, and its table where a number moves. */
export function courseText(course: Course): string {
  const { parameters, hardFrom, rows } = course;
  const isHard = hardFrom === 0;
  const told = `Over a run: ${summary(course)}.`;
  const moves = rows.some(({ values }) => values.join() !== rows[0]?.values.join());
  if (isHard && !moves) {
    const known = parameters.map((name, index) => ` ${name} stays ${short(rows[0]?.values[index] ?? 0)}.`);
    return wrapped(`${told}${known.join("")}`);
  }
  const columns = [
    { title: "progress" },
    ...parameters.map((title) => ({ title, align: "right" as const })),
    { title: "F" },
    ...(isHard ? [] : margins).map((margin) => ({ title: `|x| >= ${margin}`, align: "right" as const })),
  ];
  const cells = rows.map((row) => [
    moment(row),
    ...row.values.map(short),
    row.hard ? "sign" : "soft",
    ...(isHard ? [] : row.gaps.map((gap) => (gap === null ? "-" : short(gap)))),
  ]);
  const title = isHard ? told : `${told} The last columns hold the largest |F(x) - sign(x)|:`;
  return `${wrapped(title)}\n\n${formatTable(columns, cells)}`;
}

/** Moments at which panels look. */
const looks = 60;

/** The parameters over a run, and the gap; none of a map that is the sign throughout with parameters that stay. */
export function coursePanels(quantizer: Quantizer, course: Course, from: number, to: number): readonly Panel[] {
  const { parameters, hardFrom } = course;
  const at = Array.from({ length: looks + 1 }, (_, index) => index / looks);
  const moves = quantizer.parameters.some(({ kind }) => kind !== "constant");
  const lineOf = (index: number): Line => ({
    points: at.map((progress) => [progress, valuesAt(quantizer, progress)[index] ?? 0]),
    dashed: index > 0,
  });
  const names = parameters.map((name, index) => (index === 0 ? name : `${name} (dashed)`)).join(", ");
  const schedule = moves
    ? [
        panel(
          `${names}, over a run`,
          "progress",
          parameters.map((_, i) => lineOf(i)),
          [],
        ),
      ]
    : [];
  if (hardFrom === 0) return schedule;
  const domain = domainOf(quantizer, from, to);
  const gaps = (margin: number, dashed: boolean): Line => {
    const first = gapAt(quantizer, 0, margin, domain);
    const points = at.map((progress): Point => {
      if (hardFrom < 1 && progress >= hardFrom) return [progress, 0];
      return [progress, (moves ? gapAt(quantizer, progress, margin, domain) : first) ?? 0];
    });
    // The domain ends before the margin, whatever the moment.
    return { points: first === null ? [] : points, dashed };
  };
  const lines = [gaps(margins[0], false), gaps(margins[1], true)].filter(({ points }) => points.length > 0);
  const title = `sup |F - sign|, |x| >= ${margins[0]}${lines.length > 1 ? `, ${margins[1]} (dashed)` : ""}`;
  return lines.length === 0 ? schedule : [...schedule, panel(title, "progress", lines, [])];
}
