/**
 * Pictures as SVG text: the parts of charts, and nothing more. They are written by hand, because charts need only
 * rectangles, lines and words. The libraries are larger than all of this project. Vega-Lite brings some forty packages.
 * Observable Plot and D3 want a DOM, which Node lacks; ECharts does not, and is fifty megabytes.
 */

import { clean, printable } from "../base/text.ts";

/**
 * Colours that most eyes tell apart, in print and on white. They are those of Okabe and Ito (2008), and four between
 * them.
 */
export const COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#7b5ea7",
  "#6b6b6b",
  "#8c4a2f",
  "#3d5a1e",
] as const;

/** The colour of the `index`th thing, from the beginning again after the last. */
export const colourAt = (index: number): string => COLOURS[index % COLOURS.length] ?? COLOURS[0];

/** `text` as it may stand between tags and in an attribute. */
export const escaped = (text: string): string => clean(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A coordinate: a tenth of a pixel is more than anyone sees. */
const at = (value: number): string => Number(value.toFixed(1)).toString();

type Attributes = Readonly<Record<string, string | number>>;

const written = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${typeof value === "number" ? at(value) : escaped(value)}"`)
    .join("");

export const element = (name: string, attributes: Attributes): string => `<${name}${written(attributes)}/>`;

/** Words at (x, y), the foot of their line; `anchor` says which end of them is there. */
export const words = (
  text: string,
  x: number,
  y: number,
  anchor: "start" | "middle" | "end" = "start",
  more: Attributes = {},
): string => `<text${written({ x, y, "text-anchor": anchor, ...more })}>${escaped(printable(text))}</text>`;

export const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, more: Attributes = {}): string =>
  element("line", { x1, y1, x2, y2, stroke, ...more });

export const rectangle = (x: number, y: number, width: number, height: number, fill: string): string =>
  element("rect", { x, y, width, height, fill });

export const circle = (cx: number, cy: number, r: number, fill: string): string =>
  element("circle", { cx, cy, r, fill });

/** A line through points, given as [x, y]. */
export const polyline = (
  points: readonly (readonly [number, number])[],
  stroke: string,
  more: Attributes = {},
): string =>
  element("polyline", {
    points: points.map(([x, y]) => `${at(x)},${at(y)}`).join(" "),
    fill: "none",
    stroke,
    "stroke-width": 1.8,
    "stroke-linejoin": "round",
    ...more,
  });

/** The whole picture, on white. `title` serves readers that do not see it. */
export function svg(title: string, width: number, height: number, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${at(width)} ${at(height)}" width="${at(width)}" height="${at(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(printable(title))}</title>`,
    rectangle(0, 0, width, height, "#fff"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** A tick at most this many steps beyond an end still belongs there. The distance is less than a line's width. */
const beyond = 0.01;

/**
 * Round numbers from `least` to `most`, about `count` of them, in steps of 1, 2 or 5. An end that narrowly misses one
 * has it too, for example where a curve is sampled up to 2.999.
 */
export function ticks(least: number, most: number, count: number): readonly number[] {
  if (!(most > least)) return [least];
  const raw = (most - least) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(least / step - beyond);
  const last = Math.floor(most / step + beyond);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}
