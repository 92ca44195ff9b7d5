/**
 * Ratios as a bar chart in SVG, so that the results can be looked at where they are read (a Markdown page shows SVG).
 *
 * Written by hand, for the libraries are larger than all of this project: Vega with Vega-Lite brings some forty packages, and
 * Observable Plot and D3 want a DOM, which Node has not. What is needed is a rectangle and two texts a comparison.
 */
import type { Comparison } from "./finding.ts";
import { times } from "./text.ts";

const [WIDTH, LEFT, RIGHT, BAR, ROW, TOP, BOTTOM] = [900, 430, 90, 14, 24, 56, 28] as const;
const COLOURS = ["#1f6f8b", "#c8553d", "#588157", "#7b5ea7", "#b08900"] as const;

const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const label = (x: number, y: number, anchor: "start" | "middle" | "end", content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${escaped(content)}</text>`;

/** Steps of 1, 2 or 5 times a power of ten, between four and ten of them up to `largest`. */
function gridStep(largest: number): number {
  const power = 10 ** Math.floor(Math.log10(largest / 4));
  return power * ([1, 2, 5, 10].find((factor) => largest / (factor * power) <= 8) as number);
}

/** A bar for every comparison: how many times as fast as the peer, with the quartiles as a thin line; a mark at 1. */
export function chart(title: string, comparisons: readonly Comparison[]): string {
  const peers = [...new Set(comparisons.map(({ peer }) => peer.name))];
  const largest = Math.max(1, ...comparisons.map(({ ratio, spread }) => Math.max(ratio, spread[1])));
  const scale = (ratio: number): number => LEFT + (ratio / largest) * (WIDTH - LEFT - RIGHT);
  const height = TOP + ROW * comparisons.length + BOTTOM;
  const end = height - BOTTOM;
  const step = gridStep(largest);
  const grid = Array.from({ length: Math.floor(largest / step) + 1 }, (_, i) => i * step).map(
    (ratio) =>
      `<line x1="${scale(ratio).toFixed(1)}" x2="${scale(ratio).toFixed(1)}" y1="${TOP - 6}" y2="${end}" stroke="#ddd"/>` +
      label(scale(ratio), end + 16, "middle", `${Number(ratio.toPrecision(3))}x`, 'fill="#555"'),
  );
  const bars = comparisons.map(({ name, variant, threads, peer, ratio, spread }, row) => {
    const y = TOP + ROW * row;
    const middle = y + BAR / 2;
    const colour = COLOURS[peers.indexOf(peer.name) % COLOURS.length];
    const what = `${name}, ${variant}${threads > 1 ? `, ${threads} threads` : ""}`;
    return (
      label(LEFT - 8, middle + 4, "end", what) +
      `<rect x="${LEFT}" y="${y}" width="${(scale(ratio) - LEFT).toFixed(1)}" height="${BAR}" fill="${colour}"/>` +
      `<line x1="${scale(spread[0]).toFixed(1)}" x2="${scale(spread[1]).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#111"/>` +
      label(Math.max(scale(ratio), scale(spread[1])) + 6, middle + 4, "start", times(ratio))
    );
  });
  let x = 8;
  const legend = peers.map((peer, i) => {
    const at = x;
    x += 24 + 6.4 * peer.length;
    const colour = COLOURS[i % COLOURS.length];
    return `<rect x="${at}" y="28" width="10" height="10" fill="${colour}"/>${label(at + 15, 37, "start", peer)}`;
  });
  const even = `<line x1="${scale(1).toFixed(1)}" x2="${scale(1).toFixed(1)}" y1="${TOP - 6}" y2="${end}" stroke="#111" stroke-dasharray="3 3"/>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}: times as fast as the peer</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    label(8, 18, "start", `${title}: times as fast as the peer`, 'font-size="13" font-weight="bold"'),
    ...legend,
    ...grid,
    ...bars,
    even,
    "</svg>\n",
  ].join("\n");
}
