/**
 * Pairs against their originals as a chart: a row for each pair, and a line where the two are alike. A dot is the mean difference
 * in points, its bar the interval with whiskers. Pairs that seeds do not tell from their originals are pale.
 */
import { circle, colourAt, line, ticks, words } from "../show/svg.ts";
import { type Drawn, FAINT, GRID, INK, LEFT, RIGHT, WIDTH } from "./chart-axis.ts";
import { taskText } from "./grid.ts";
import { isTold, type PairDifference } from "./pairs.ts";
import { differenceText, nameOf, tasksOf } from "./tables.ts";

const ROW = 20;
/** Half the height of a whisker. */
const WHISKER = 4;
const LEGEND =
  "difference of test accuracy in points, paired by seed. Dot: mean; bar: its 95 % interval; pale: not told from 0";

/** "poly+ against poly". */
export const pairName = ({ row, original }: PairDifference): string => `${nameOf(row)} against ${original}`;

/** The largest difference of either sign that the axis holds, in points. Intervals of two seeds are too wide to count. */
function extentOf(pairs: readonly PairDifference[]): number {
  const ends = pairs.flatMap(({ difference: { mean, interval } }) =>
    interval === null || interval.n < 3 ? [mean] : [mean, interval.low, interval.high],
  );
  return Math.max(0.1, 1.05 * Math.max(...ends.map((end) => Math.abs(100 * end))));
}

/**
 * The chart below `top`; nothing at all where there are no pairs.
 *
 * @param pairs with the names that stand beside their rows
 * @param colours quantizers in the order of their colours
 */
export function pairsChart(pairs: readonly PairDifference[], colours: readonly string[], top: number): Drawn {
  if (pairs.length === 0) return { parts: [], bottom: top };
  const extent = extentOf(pairs);
  const [middle, half] = [(LEFT + WIDTH - RIGHT) / 2, (WIDTH - RIGHT - LEFT) / 2];
  const place = (points: number): number => middle + (Math.max(-extent, Math.min(extent, points)) / extent) * half;
  const parts = [
    words("Pairs against their originals", 8, top, "start", { "font-weight": "bold", "font-size": "13" }),
    words(LEGEND, 8, top + 17, "start", { fill: FAINT }),
  ];
  let y = top + 40;
  for (const task of tasksOf(pairs.map(({ row }) => row))) {
    const own = pairs.filter(({ row }) => row.task === task);
    const bottom = y + 10 + ROW * own.length;
    parts.push(
      words(taskText(task), 8, y, "start", { "font-weight": "bold", "font-size": "13" }),
      words("original better", middle - 8, y, "end", { fill: FAINT }),
      words("pair better", middle + 8, y, "start", { fill: FAINT }),
    );
    for (const value of ticks(-extent, extent, 8)) {
      const x = place(value);
      parts.push(
        value === 0 ? line(x, y - 9, x, bottom, INK, { "stroke-width": 1.2 }) : line(x, y + 6, x, bottom, GRID),
        words(value > 0 ? `+${value}` : String(value), x, bottom + 13, "middle", { fill: FAINT }),
      );
    }
    own.forEach((pair, index) => {
      const colour = colourAt(colours.indexOf(pair.row.quantizer));
      parts.push(...pairParts(pair, y + 10 + ROW * (index + 0.5), colour, place, extent));
    });
    y = bottom + 40;
  }
  return { parts, bottom: y - 20 };
}

function pairParts(
  pair: PairDifference,
  y: number,
  colour: string,
  place: (points: number) => number,
  extent: number,
): readonly string[] {
  const { mean, interval } = pair.difference;
  const ends = interval === null ? [] : [100 * interval.low, 100 * interval.high];
  const bar = ends.length === 0 ? [] : [line(place(ends[0] ?? 0), y, place(ends[1] ?? 0), y, colour, stroke)];
  // A bar that runs out of the chart has no end in it.
  const whiskers = ends
    .filter((end) => Math.abs(end) <= extent)
    .map((end) => line(place(end), y - WHISKER, place(end), y + WHISKER, colour, stroke));
  const told = isTold(pair.difference);
  return [
    words(pairName(pair), LEFT - 10, y + 4, "end", told ? { "font-weight": "bold" } : {}),
    `<g opacity="${told ? 1 : 0.4}">`,
    ...bar,
    ...whiskers,
    circle(place(100 * mean), y, 4.5, colour),
    "</g>",
    words(differenceText(pair.difference), WIDTH - RIGHT + 10, y + 4, "start", told ? { "font-weight": "bold" } : {}),
  ];
}

const stroke = { "stroke-width": 2.5 } as const;
