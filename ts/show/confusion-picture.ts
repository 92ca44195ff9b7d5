/**
 * A confusion matrix as a picture: a row for each true class, a column for each class that was answered. A cell is darker for a
 * larger share of its row; right answers are blue, mistakes orange. Cells of few classes hold their counts.
 */
import { reading } from "../base/checks.ts";
import { COLOURS, rectangle, svg, words } from "./svg.ts";
import { grouped, share } from "./table.ts";

/** Pixels: the matrix at most, a cell at most, and the least that holds a name or a count. */
const [SIDE, LARGEST, NAMED, COUNTED] = [720, 56, 12, 26] as const;
const [MARGIN, HEAD, LETTER, LONGEST] = [12, 56, 6.4, 18] as const;
const [INK, FAINT, PAPER] = ["#111", "#555", "#f4f4f4"] as const;
const [RIGHT, WRONG] = [COLOURS[0], COLOURS[1]] as const;

/**
 * The SVG text of the matrix `[true class][answered class]` with the classes' names; `title` stands above it. Each row ends in
 * the share of its examples that were answered right.
 */
export const confusionPicture = (
  matrix: readonly (readonly number[])[],
  names: readonly string[],
  title = "confusion matrix",
): string =>
  reading("confusionPicture", "the result of confusionMatrix(), the names of the classes, and a title", () =>
    drawn(matrix, names, title),
  );

function drawn(matrix: readonly (readonly number[])[], names: readonly string[], title: string): string {
  const cell = Math.max(1, Math.min(LARGEST, SIDE / matrix.length));
  const labels = matrix.map((_, place) => shortened(names[place] ?? String(place)));
  const room = LETTER * Math.max(...labels.map((label) => label.length));
  const [left, top, side] = [MARGIN + 16 + room + 8, HEAD + room + 8, cell * matrix.length];
  const [width, height] = [Math.max(left + side + 64, MARGIN * 2 + 8 * title.length), top + side + MARGIN];
  // Of classes that are smaller than a line of text, every so many have their names.
  const every = Math.ceil(NAMED / cell);
  const headings = labels.flatMap((label, place) => {
    if (place % every !== 0) return [];
    const middle = (place + 0.5) * cell + 4;
    const [x, y] = [left + middle, top - 6];
    return [
      words(label, left - 6, top + middle, "end", { fill: INK }),
      words(label, x, y, "start", { fill: INK, transform: `rotate(-90 ${x.toFixed(1)} ${y.toFixed(1)})` }),
    ];
  });
  const rows = matrix.flatMap((row, truth) => rowParts(row, truth, { left, top: top + truth * cell, cell, every }));
  return svg(title, width, height, [
    words(title, MARGIN, 22, "start", { "font-size": "14", "font-weight": "bold" }),
    words("rows: true class; columns: answer; a cell is darker for a larger share of its row", MARGIN, 40, "start", {
      fill: FAINT,
    }),
    rectangle(left, top, side, side, PAPER),
    words("right", left + side + 8, top - 6, "start", { fill: FAINT }),
    ...headings,
    ...rows,
  ]);
}

interface RowPlace {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly every: number;
}

/** The cells of a true class, and the share that was answered right. */
function rowParts(row: readonly number[], truth: number, { left, top, cell, every }: RowPlace): readonly string[] {
  const all = row.reduce((sum, count) => sum + count, 0);
  // Neighbours of the same colour are told apart by a gap, where there is room for one.
  const gap = cell >= 4 ? 1 : 0;
  const parts = row.flatMap((count, answer) => {
    if (count === 0) return [];
    const part = count / all;
    const x = left + answer * cell;
    const filled = rectangle(x, top, cell - gap, cell - gap, tinted(answer === truth ? RIGHT : WRONG, part));
    if (cell < COUNTED) return [filled];
    const text = grouped(count);
    const size = Math.min(11, (cell - 4) / (0.6 * text.length));
    const place = [x + cell / 2, top + cell / 2 + size / 3] as const;
    return [filled, words(text, ...place, "middle", { fill: part > 0.5 ? "#fff" : INK, "font-size": size })];
  });
  if (truth % every !== 0) return parts;
  const right = all === 0 ? "-" : share((row[truth] ?? 0) / all);
  return [...parts, words(right, left + row.length * cell + 8, top + cell / 2 + 4, "start", { fill: FAINT })];
}

/** `colour` mixed with white; even the smallest part is seen. */
function tinted(colour: string, part: number): string {
  const strength = 0.12 + 0.88 * part;
  const mixed = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16);
    return Math.round(255 + (value - 255) * strength);
  });
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

const shortened = (name: string): string => (name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 1)}…`);
