/**
 * The study as small multiples: a row for each operand and length of run, a column for each number that was watched. Lines are
 * quantizers. A family has a colour. Its present default is drawn whole, and each other schedule in dashes of its own.
 */
import { circle, colourAt, line, polyline, svg, ticks, words } from "../../ts/show/svg.ts";
import { type Cell, labelOf } from "./cells.ts";
import { defaultOf } from "./defaults.ts";
import type { CellRecord, EpochRecord } from "./run-cell.ts";
import type { Slope } from "./slope.ts";
import type { LayerRecord } from "./watch.ts";

interface Column {
  readonly title: string;
  /** The number after an epoch; null where there is none. */
  readonly of: (record: EpochRecord) => number | null;
  /** Drawn by its logarithm, with a line for 0 below all others. */
  readonly logarithmic?: true;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const layersOf = ({ layers }: EpochRecord) => Object.values(layers);

const slopeMean =
  (operand: "weights" | "activations", key: keyof Slope) =>
  (record: EpochRecord): number | null =>
    mean(layersOf(record).flatMap((layer: LayerRecord) => layer[operand]?.[key] ?? []));

/** The numbers that are drawn of an epoch as means over the layers. */
export const columns: readonly Column[] = [
  { title: "hard accuracy, %", of: ({ hard }) => 100 * hard },
  { title: "soft - hard, points", of: ({ hard, soft }) => (soft === null ? null : 100 * (soft - hard)) },
  { title: "mean B, weights", of: slopeMean("weights", "mass") },
  { title: "inside, weights", of: slopeMean("weights", "inside") },
  { title: "mean B, activations", of: slopeMean("activations", "mass") },
  { title: "inside, activations", of: slopeMean("activations", "inside") },
  {
    ...{ title: "flips a step, log10", logarithmic: true },
    of: (record) => mean(layersOf(record).flatMap(({ flips }) => flips ?? [])),
  },
];

/** The gradients' norms by layer: all of them up to three, else the first, the one in the middle and the last. */
export function gradientColumns(records: readonly CellRecord[]): readonly Column[] {
  const names = [...new Set(records.flatMap(({ epochs }) => epochs.flatMap(({ layers }) => Object.keys(layers))))];
  const last = names.length - 1;
  const chosen = last < 3 ? names : [0, Math.round(last / 2), last].flatMap((index) => names[index] ?? []);
  return chosen.map((name) => ({
    title: `gradient, ${name}, log10`,
    of: ({ layers }) => layers[name]?.gradient ?? null,
    logarithmic: true,
  }));
}

/** The numbers as they are drawn: by their logarithms, and 0 on a floor below the least; null where there is no 0. */
function logarithms(values: readonly number[]): {
  readonly drawn: (value: number) => number;
  readonly floor: number | null;
} {
  const known = values.filter((value) => value > 0).map(Math.log10);
  const [low, high] = known.length === 0 ? [0, 0] : [Math.min(...known), Math.max(...known)];
  const floor = low - Math.max(0.5, 0.15 * (high - low));
  return {
    drawn: (value) => (value > 0 ? Math.log10(value) : floor),
    floor: known.length < values.length ? floor : null,
  };
}

const [LEFT, TOP, WIDTH, HEIGHT, GAP, HEAD] = [16, 44, 190, 130, 14, 34] as const;
const [GRID, FAINT] = ["#ddd", "#555"] as const;
const DASHES = ["6 3", "2 3", "8 3 2 3", "12 3", "1 2", "12 3 2 3", "4 1"] as const;

interface Look {
  readonly colour: string;
  /** Empty for a whole line. */
  readonly dash: string;
  /** The words of the legend. */
  readonly name: string;
}

const NOTES = { now: " (default)", before: " (default of 0.1)" } as const;

/** The look of each cell's line by its label: the colour of its family, and dashes by its place among those that are no default. */
function styles(cells: readonly Cell[]): ReadonlyMap<string, Look> {
  const family = ({ quantizer }: Cell): string => quantizer.replace(/:.*$/s, "");
  const families = [...new Set(cells.map(family))];
  const known = new Map(cells.map((cell) => [labelOf(cell), cell]));
  const looks = new Map<string, Look>();
  for (const name of families) {
    const own = [...known].filter(([, cell]) => family(cell) === name);
    const others = own.filter(([, cell]) => defaultOf(cell) !== "now").map(([label]) => label);
    for (const [label, cell] of own) {
      const kind = defaultOf(cell);
      const dash = kind === "now" ? "" : (DASHES[others.indexOf(label) % DASHES.length] ?? "");
      const note = kind === null ? "" : NOTES[kind];
      looks.set(label, { colour: colourAt(families.indexOf(name)), dash, name: `${label}${note}` });
    }
  }
  return looks;
}

/** The picture of `records`, those with at least one epoch. */
export function studyPicture(title: string, records: readonly CellRecord[]): string {
  const drawn = records.filter(({ epochs }) => epochs.length > 0);
  const looks = styles(drawn.map(({ cell }) => cell));
  const rowOf = ({ cell }: CellRecord): string => `${cell.operands}, ${cell.epochs} epochs`;
  const rows = [...new Set(drawn.map(rowOf))];
  const all = [...columns, ...gradientColumns(drawn)];
  // The last title may be longer than its panel.
  const width = LEFT + all.length * (WIDTH + GAP) + 30;
  const legend = legendOf(looks, width);
  const top = TOP + legend.height;
  const parts = rows.flatMap((row, index) => {
    const y = top + index * (HEIGHT + HEAD + GAP);
    const own = drawn.filter((record) => rowOf(record) === row);
    return [
      words(row, LEFT, y + 10, "start", { "font-weight": "bold" }),
      ...all.flatMap((column, at) => panelOf(column, own, looks, LEFT + at * (WIDTH + GAP), y + HEAD - 8)),
    ];
  });
  const height = top + rows.length * (HEIGHT + HEAD + GAP) + 8;
  return svg(title, width, height, [
    words(title, LEFT, 20, "start", { "font-size": "14", "font-weight": "bold" }),
    ...legend.parts,
    ...parts,
  ]);
}

const KEY =
  "whole: the present default of a quantizer; dashed: other schedules; a colour a quantizer. Where an axis is a logarithm, a dashed line is zero";

type Looks = ReturnType<typeof styles>;

function legendOf(looks: Looks, width: number): { readonly parts: readonly string[]; readonly height: number } {
  let [x, y] = [LEFT as number, 58];
  const parts = [words(KEY, LEFT, 40, "start", { fill: FAINT })];
  for (const { colour, dash, name } of looks.values()) {
    const needed = 40 + 6.4 * name.length;
    if (x > LEFT && x + needed > width) [x, y] = [LEFT, y + 16];
    parts.push(line(x, y - 4, x + 24, y - 4, colour, dashed(dash)), words(name, x + 28, y));
    x += needed;
  }
  return { parts, height: y - 20 };
}

const dashed = (dash: string): Readonly<Record<string, string | number>> => ({
  "stroke-width": 1.6,
  ...(dash === "" ? {} : { "stroke-dasharray": dash }),
});

const gridLine = (
  text: string,
  y: number,
  x0: number,
  x1: number,
  more: Readonly<Record<string, string>> = {},
): readonly string[] => [
  line(x0, y, x1, y, GRID, more),
  words(text, x0 - 3, y + 4, "end", { fill: FAINT, "font-size": "9" }),
];

/** One number of one row, over progress. */
function panelOf(
  column: Column,
  records: readonly CellRecord[],
  looks: Looks,
  left: number,
  top: number,
): readonly string[] {
  const measured = records.map(({ cell, epochs }) => ({
    quantizer: labelOf(cell),
    points: epochs.flatMap((record) => {
      const value = column.of(record);
      return value === null || !Number.isFinite(value) ? [] : [[record.progress, value] as const];
    }),
  }));
  const { drawn, floor } = column.logarithmic
    ? logarithms(measured.flatMap(({ points }) => points.map(([, value]) => value)))
    : { drawn: (value: number) => value, floor: null };
  const curves = measured.map(({ quantizer, points }) => ({
    quantizer,
    points: points.map(([progress, value]) => [progress, drawn(value)] as const),
  }));
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const heading = words(column.title, left + 30, top + 4, "start", { fill: FAINT });
  if (values.length === 0) return [heading, words("-", left + WIDTH / 2, top + HEIGHT / 2, "middle", { fill: FAINT })];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.06 * (high - low) : Math.max(0.05, Math.abs(high) * 0.05);
  const [least, most] = [low - room, high + room];
  const [x0, x1, y0, y1] = [left + 30, left + WIDTH, top + HEIGHT - 8, top + 10];
  const across = (progress: number): number => x0 + progress * (x1 - x0);
  const up = (value: number): number => y0 + ((value - least) / (most - least)) * (y1 - y0);
  return [
    heading,
    // Ticks near the floor would say that 0 has a logarithm.
    ...ticks(least, most, 4).flatMap((value) =>
      floor === null || value >= floor + 0.5 ? gridLine(String(value), up(value), x0, x1) : [],
    ),
    ...(floor === null ? [] : gridLine("zero", up(floor), x0, x1, { "stroke-dasharray": "2 2" })),
    line(x0, y0, x1, y0, "#888"),
    ...[0, 0.5, 1].map((progress) =>
      words(String(progress), across(progress), y0 + 11, "middle", { fill: FAINT, "font-size": "9" }),
    ),
    ...curves.flatMap(({ quantizer, points }) => {
      const { colour = "#000", dash = "" } = looks.get(quantizer) ?? {};
      const places = points.map(([x, y]) => [across(x), up(y)] as const);
      // A single point would be a line of no length.
      const [only] = places;
      if (places.length === 1 && only !== undefined) return [circle(only[0], only[1], 2, colour)];
      return places.length === 0 ? [] : [polyline(places, colour, dashed(dash))];
    }),
  ];
}
