/** Panels in a terminal, two a row. Curves are drawn in the dots of Braille characters, two wide and four high. */
import type { Panel, Point } from "./panel.ts";

const [COLUMNS, LINES] = [39, 10] as const;
/** The bit of each dot in a Braille character, by column and row (Unicode 15, section 21.1). */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/** The lines that show `panels`. */
export function sketch(panels: readonly Panel[]): string {
  const blocks = panels.map(panelLines);
  const rows: string[] = [];
  for (let index = 0; index < blocks.length; index += 2) {
    const [left = [], right = []] = [blocks[index], blocks[index + 1]];
    rows.push(...left.map((line, at) => `${line}    ${right[at] ?? ""}`.trimEnd()), "");
  }
  return rows.join("\n").trimEnd();
}

/** A title, the curve with its largest and smallest value beside it, and the ends of its axis below. */
function panelLines({ title, axis, lines, marks, range }: Panel): readonly string[] {
  const cells = Array.from({ length: LINES }, () => new Uint8Array(COLUMNS));
  const [width, height] = [2 * COLUMNS, 4 * LINES];
  const column = (x: number): number => ((x - range.x[0]) / (range.x[1] - range.x[0])) * (width - 1);
  const row = (y: number): number => ((range.y[1] - y) / (range.y[1] - range.y[0])) * (height - 1);
  const dot = (x: number, y: number): void => {
    const [c, r] = [Math.round(x), Math.round(y)];
    const line = cells[Math.floor(r / 4)];
    if (line === undefined || c < 0 || c >= width) return;
    line[c >> 1] = (line[c >> 1] ?? 0) | (DOTS[c & 1]?.[r & 3] ?? 0);
  };
  // The axes in every other dot, beneath the curves.
  for (let x = 0; x < width; x += 2) if (range.y[0] < 0 && range.y[1] > 0) dot(x, row(0));
  for (let y = 0; y < height; y += 2) if (range.x[0] < 0 && range.x[1] > 0) dot(column(0), y);
  for (const { points, dashed } of lines) {
    points.forEach((point, index) => {
      const before = points[index - 1] ?? point;
      stroke([column(before[0]), row(before[1])], [column(point[0]), row(point[1])], dashed ? 4 : 1, dot);
    });
  }
  for (const [x, y] of marks) {
    for (const [dx, dy] of [
      [-1, -1],
      [0, -1],
      [1, -1],
      [-1, 0],
      [1, 0],
      [-1, 1],
      [0, 1],
      [1, 1],
    ] as const) {
      dot(column(x) + dx, row(y) + dy);
    }
  }
  const label = (value: number): string => String(Number(value.toPrecision(3)));
  const [high, low] = [label(range.y[1]), label(range.y[0])].map((text) => text.padStart(8));
  const body = cells.map((line, index) => {
    const beside = index === 0 ? high : index === LINES - 1 ? low : " ".repeat(8);
    return `${beside} ${[...line].map((bits) => String.fromCodePoint(0x2800 + bits)).join("")}`;
  });
  const [from, to] = [label(range.x[0]), label(range.x[1])];
  const middle = axis.padStart(Math.floor((COLUMNS - from.length - to.length) / 2) + 1);
  const foot = `${" ".repeat(9)}${from}${middle.padEnd(COLUMNS - from.length - to.length)}${to}`;
  return [`${" ".repeat(9)}${title}`.padEnd(9 + COLUMNS), ...body, foot];
}

/** Dots from `a` to `b`, `step` apart. */
function stroke(a: Point, b: Point, step: number, dot: (x: number, y: number) => void): void {
  const length = Math.max(1, Math.ceil(Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1]))));
  for (let index = 0; index <= length; index += step) {
    const share = index / length;
    dot(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share);
  }
}
