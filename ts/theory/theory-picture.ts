/** A pair as a picture: its panels two by two, with the verdict above them. */

import type { Panel, Point } from "../show/panel.ts";
import { COLOURS, circle, line, polyline, svg, ticks, words } from "../show/svg.ts";

const [WIDTH, HEIGHT, MARGIN, LEFT, TOP, FOOT] = [400, 260, 16, 44, 26, 34] as const;
const HEAD = 62;
const [GRID, FAINT] = ["#ddd", "#555"] as const;
const [BLUE, RED] = [COLOURS[0], COLOURS[1]] as const;

/** The SVG text of `panels`; `title` is its headline, `verdict` the line below. */
export function theoryPicture(title: string, verdict: readonly string[], panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / 2);
  const head = HEAD + 15 * (verdict.length - 1);
  const parts = panels.flatMap((panel, index) =>
    panelParts(panel, MARGIN + (index % 2) * (WIDTH + MARGIN), head + Math.floor(index / 2) * (HEIGHT + MARGIN)),
  );
  return svg(title, 2 * WIDTH + 3 * MARGIN, head + rows * (HEIGHT + MARGIN), [
    words(title, MARGIN, 24, "start", { "font-size": "15", "font-weight": "bold" }),
    ...verdict.map((text, index) => words(text, MARGIN, 44 + 15 * index, "start", { fill: FAINT })),
    ...parts,
  ]);
}

function panelParts({ title, axis, lines, marks, range }: Panel, left: number, top: number): readonly string[] {
  const [x0, x1, y0, y1] = [left + LEFT, left + WIDTH - 8, top + HEIGHT - FOOT, top + TOP];
  const across = (x: number): number => x0 + ((x - range.x[0]) / (range.x[1] - range.x[0])) * (x1 - x0);
  const up = (y: number): number => y0 + ((y - range.y[0]) / (range.y[1] - range.y[0])) * (y1 - y0);
  const place = ([x, y]: Point): Point => [across(x), up(y)];
  const strong = (value: number): string => (value === 0 ? "#888" : GRID);
  return [
    words(title, x0, top + 16, "start", { "font-weight": "bold" }),
    ...ticks(range.x[0], range.x[1], 6).flatMap((x) => [
      line(across(x), y0, across(x), y1, strong(x)),
      words(String(x), across(x), y0 + 14, "middle", { fill: FAINT }),
    ]),
    ...ticks(range.y[0], range.y[1], 5).flatMap((y) => [
      line(x0, up(y), x1, up(y), strong(y)),
      words(String(y), x0 - 6, up(y) + 4, "end", { fill: FAINT }),
    ]),
    words(axis, x1, y0 + 28, "end", { fill: FAINT }),
    ...lines.map(({ points, dashed }) =>
      polyline(points.map(place), BLUE, dashed ? { "stroke-dasharray": "4 3" } : {}),
    ),
    ...marks.map(place).map(([x, y]) => circle(x, y, 4, RED)),
  ];
}
