/** The picture of how times grow with the tokens: bits and reals of each product, on axes of powers. */
import { circle, colourAt, line, polyline, svg, words } from "../../ts/show/svg.ts";

/** Median times at a number of tokens, in milliseconds. */
export interface Growth {
  readonly name: string;
  readonly tokens: number;
  readonly bits: number;
  readonly reals: number;
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [900, 420, 56, 46, 200, 42] as const;
const GRID = "#ddd";
/** The least distance of two labels. */
const APART = 13;

/** Labels at their heights, moved down where two would overlap. */
function labelsOf(
  ends: readonly { readonly text: string; readonly y: number; readonly ink: string }[],
  x: number,
): readonly string[] {
  let last = Number.NEGATIVE_INFINITY;
  return ends
    .toSorted((one, other) => one.y - other.y)
    .map(({ text, y, ink }) => {
      last = Math.max(y, last + APART);
      return words(text, x, last + 4, "start", { fill: ink });
    });
}

export function growthPicture(title: string, rows: readonly Growth[]): string {
  const tokens = [...new Set(rows.map((row) => row.tokens))].sort((a, b) => a - b);
  const times = rows.flatMap(({ bits, reals }) => [bits, reals]);
  const [least, most] = [Math.floor(Math.log10(Math.min(...times))), Math.ceil(Math.log10(Math.max(...times)))];
  const [first, last] = [Math.log2(Math.min(...tokens)), Math.log2(Math.max(...tokens))];
  const x = (count: number): number => LEFT + ((Math.log2(count) - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (time: number): number =>
    HEIGHT - BOTTOM - ((Math.log10(time) - least) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const powers = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i));
  const axes = [
    ...powers.flatMap((time) => [
      line(LEFT, y(time), WIDTH - RIGHT, y(time), GRID),
      words(String(time), LEFT - 6, y(time) + 4, "end"),
    ]),
    ...tokens.map((count) => words(String(count), x(count), HEIGHT - BOTTOM + 18, "middle")),
    words("tokens", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle"),
    words("milliseconds; bits whole, reals dashed", LEFT, TOP - 12),
  ];
  const names = [...new Set(rows.map(({ name }) => name))];
  const curves = names.flatMap((name, i) => {
    const own = rows.filter((row) => row.name === name);
    const draw = (key: "bits" | "reals", more: Readonly<Record<string, string>>): readonly string[] => [
      polyline(
        own.map((row) => [x(row.tokens), y(row[key])]),
        colourAt(i),
        more,
      ),
      ...own.map((row) => circle(x(row.tokens), y(row[key]), 2.5, colourAt(i))),
    ];
    return [...draw("bits", {}), ...draw("reals", { "stroke-dasharray": "5 4", "stroke-width": "1.2" })];
  });
  const ends = names.flatMap((name, i) => {
    const end = rows.filter((row) => row.name === name).at(-1);
    if (end === undefined) return [];
    const ink = colourAt(i);
    return [
      { text: `${name}: bits`, y: y(end.bits), ink },
      { text: `${name}: reals`, y: y(end.reals), ink },
    ];
  });
  return svg(title, WIDTH, HEIGHT, [words(title, LEFT, 18), ...axes, ...curves, ...labelsOf(ends, WIDTH - RIGHT + 8)]);
}
