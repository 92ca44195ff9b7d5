/**
 * Ratios as a bar chart in SVG, which a Markdown page shows. So readers see the results beside the text.
 *
 * The chart is written by hand, because it needs only a rectangle and two texts a comparison. The libraries are larger
 * than all of this project. Vega with Vega-Lite brings some forty packages. Observable Plot and D3 want a DOM, which
 * Node lacks.
 */
import type { Comparison } from "./finding.ts";
import { times } from "./text.ts";

const [WIDTH, LEFT, RIGHT, BAR, ROW, LINE, BOTTOM] = [900, 430, 90, 14, 24, 16, 28] as const;
/** The foot of the legend's first line. */
const LEGEND = 28;
const COLOURS = ["#1f6f8b", "#c8553d", "#588157", "#7b5ea7", "#b08900"] as const;

const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const label = (x: number, y: number, anchor: "start" | "middle" | "end", content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${escaped(content)}</text>`;

/** 1, 2 and 5 times the powers of ten from `least` to `most`. */
function gridLines(least: number, most: number): readonly number[] {
  const powers = Array.from({ length: 12 }, (_, i) => 10 ** (i - 4));
  const all = powers.flatMap((power) => [1, 2, 5].map((factor) => Number((factor * power).toPrecision(1))));
  return all.filter((ratio) => ratio >= least && ratio <= most);
}

/** The peers' names beside their colours, in as many lines as they take. */
function legendOf(peers: readonly string[]): { readonly entries: readonly string[]; readonly lines: number } {
  let [x, line] = [8, 0];
  const entries = peers.map((peer, i) => {
    const width = 24 + 6.4 * peer.length;
    if (x > 8 && x + width > WIDTH) [x, line] = [8, line + 1];
    const [at, y] = [x, LEGEND + LINE * line];
    x += width;
    const colour = COLOURS[i % COLOURS.length];
    return `<rect x="${at.toFixed(1)}" y="${y}" width="10" height="10" fill="${colour}"/>${label(at + 15, y + 9, "start", peer)}`;
  });
  return { entries, lines: line + 1 };
}

/**
 * A bar for every comparison, from 1 to its ratio on a logarithmic axis. It goes to the right where we are faster, and
 * to the left where the peer is. A thin line shows the quartiles.
 */
export function chart(title: string, comparisons: readonly Comparison[]): string {
  const peers = [...new Set(comparisons.map(({ peer }) => peer.name))];
  const all = comparisons.flatMap(({ ratio, spread }) => [ratio, ...spread]);
  const [least, most] = [Math.min(1, ...all), Math.max(2, ...all)];
  const place = (ratio: number): number =>
    LEFT + (Math.log(ratio / least) / Math.log(most / least)) * (WIDTH - LEFT - RIGHT);
  const scale = (ratio: number): string => place(ratio).toFixed(1);
  const legend = legendOf(peers);
  const top = LEGEND + LINE * legend.lines + 12;
  const height = top + ROW * comparisons.length + BOTTOM;
  const end = height - BOTTOM;
  const grid = gridLines(least, most).map(
    (ratio) =>
      `<line x1="${scale(ratio)}" x2="${scale(ratio)}" y1="${top - 6}" y2="${end}" stroke="${ratio === 1 ? "#111" : "#ddd"}"/>` +
      label(place(ratio), end + 16, "middle", `${ratio}x`, 'fill="#555"'),
  );
  const bars = comparisons.map(({ name, variant, threads, peer, ratio, spread }, row) => {
    const y = top + ROW * row;
    const middle = y + BAR / 2;
    const colour = COLOURS[peers.indexOf(peer.name) % COLOURS.length];
    const what = `${name}, ${variant}${threads > 1 ? `, ${threads} threads` : ""}`;
    return (
      label(LEFT - 8, middle + 4, "end", what) +
      `<rect x="${scale(Math.min(1, ratio))}" y="${y}" width="${Math.abs(place(ratio) - place(1)).toFixed(1)}" height="${BAR}" fill="${colour}"/>` +
      `<line x1="${scale(spread[0])}" x2="${scale(spread[1])}" y1="${middle}" y2="${middle}" stroke="#111"/>` +
      label(place(Math.max(1, ratio, spread[1])) + 6, middle + 4, "start", times(ratio))
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}: times as fast as the peer</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    label(8, 18, "start", `${title}: times as fast as the peer`, 'font-size="13" font-weight="bold"'),
    ...legend.entries,
    ...grid,
    ...bars,
    "</svg>\n",
  ].join("\n");
}
