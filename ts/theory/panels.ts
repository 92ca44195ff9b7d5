/**
 * What the pictures of a pair show, whoever draws them: F, B, P, T and T', each as lines through points in its own axes.
 * A line ends at a jump and begins anew behind it.
 */
import { type Decomposition, type NamedPair, type PairPoint, pairOf } from "../quantizers/index.ts";
import { findJumps } from "../quantizers/jumps.ts";
import { pairPoint, scalesOf } from "../quantizers/pair.ts";
import type { Line, Panel, Point } from "../show/panel.ts";

/** Points of a line that are drawn; more would not be seen. */
const drawn = 600;

/** The panels of `pair`, whose decomposition at `progress` is `result`: five, or two where there are no P and T. */
export function panelsOf(
  pair: NamedPair,
  result: Decomposition,
  progress: number,
  from: number,
  to: number,
): readonly Panel[] {
  const [F, B] = mapsOf(pair, progress, from, to);
  const [a, b] = result.decomposes ? [] : result.points;
  const marks = (y: (point: PairPoint) => number): readonly Point[] =>
    a === undefined || b === undefined ? [] : [a, b].map((point) => [point.x, y(point)] as const);
  const maps = [
    panel(
      "F(x), forward",
      "x",
      F,
      marks((point) => point.forward),
    ),
    panel(
      "B(x), backward",
      "x",
      B,
      marks((point) => point.backward),
    ),
  ];
  if (!result.decomposes) return maps;
  const { P, T } = result;
  const placed = P.x.map((x, index) => [x, P.value[index] ?? 0] as const);
  const breaks = (index: number): boolean => (P.x[index] ?? 0) - (P.x[index - 1] ?? 0) < 1e-9;
  const curve = (values: readonly number[]): readonly Point[] => T.v.map((v, index) => [v, values[index] ?? 0]);
  return [
    ...maps,
    panel("P(x), proximal", "x", solid(splitAt(placed, breaks)), []),
    panel("T(v), transform", "v", overGaps(curve(T.value), T.gaps), []),
    panel("T'(v), slope of T", "v", overGaps(curve(T.slope), T.gaps), []),
  ];
}

const solid = (runs: readonly (readonly Point[])[]): readonly Line[] =>
  runs.filter((points) => points.length > 0).map((points) => ({ points, dashed: false }));

/** `points` in runs; a new one begins at each index at which `breaks` says so. */
function splitAt(points: readonly Point[], breaks: (index: number) => boolean): readonly (readonly Point[])[] {
  const runs: Point[][] = [[]];
  points.forEach((point, index) => {
    if (index > 0 && breaks(index)) runs.push([]);
    runs.at(-1)?.push(point);
  });
  return runs;
}

/** F and B between their jumps. */
function mapsOf(
  given: NamedPair,
  progress: number,
  from: number,
  to: number,
): readonly [readonly Line[], readonly Line[]] {
  const pair = pairOf(given, progress);
  const xs = Array.from({ length: drawn + 1 }, (_, index) => from + ((to - from) * index) / drawn);
  const points = xs.map((x) => pairPoint(pair, x));
  const jumps = pair.nodes === null ? findJumps(pair, points, scalesOf(points)) : [];
  const all = [...points, ...jumps.flatMap(({ left, right }) => [left, right])].sort((a, b) => a.x - b.x);
  const rights = new Set(jumps.map(({ right }) => right.x));
  const breaks = (index: number): boolean => rights.has(all[index]?.x ?? Number.NaN);
  const lines = (y: (point: PairPoint) => number): readonly Line[] =>
    solid(
      splitAt(
        all.map((point) => [point.x, y(point)] as const),
        breaks,
      ),
    );
  return [lines((point) => point.forward), lines((point) => point.backward)];
}

/** A curve over v, dashed in the gaps. */
function overGaps(points: readonly Point[], gaps: readonly (readonly [number, number])[]): readonly Line[] {
  const gapOf = (v: number): number => gaps.findIndex(([from, to]) => v > from && v < to);
  const lines: Line[] = [];
  let run: Point[] = [];
  let gap = -1;
  for (const point of points) {
    const now = gapOf(point[0]);
    if (now !== gap && run.length > 0) {
      const last = run.at(-1);
      // A gap begins at the last point before it and ends at the first behind it.
      if (now < 0) run.push(point);
      lines.push({ points: run, dashed: gap >= 0 });
      run = now < 0 || last === undefined ? [] : [last];
    } else if (now !== gap && gap >= 0) run = [];
    run.push(point);
    gap = now;
  }
  return [...lines, { points: run, dashed: false }];
}

/** Lines with axes that hold them. */
export function panel(title: string, axis: string, lines: readonly Line[], marks: readonly Point[]): Panel {
  const thinned = lines.map((line) => ({ ...line, points: thin(line.points) }));
  const all = thinned.flatMap(({ points }) => points);
  const room = (values: readonly number[], share: number): readonly [number, number] => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const more = high > low ? share * (high - low) : 1;
    return [low - more, high + more];
  };
  const range = {
    x: room(
      all.map(([x]) => x),
      0,
    ),
    y: room(
      all.map(([, y]) => y),
      0.08,
    ),
  };
  return { title, axis, lines: thinned, marks, range };
}

/** Every n-th point and the last, so that about `drawn` are left. */
function thin(points: readonly Point[]): readonly Point[] {
  const every = Math.max(1, Math.floor(points.length / drawn));
  return points.filter((_, index) => index % every === 0 || index === points.length - 1);
}
