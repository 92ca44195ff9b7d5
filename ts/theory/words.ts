/** P and T of a decomposition in a few words: the identity, a clip, levels, or the corners of what is piecewise straight. */
import type { Decomposes, SampledP } from "../quantizers/index.ts";

type Point = readonly [x: number, y: number];

/** How far a straight line may pass from a sample that it stands for, as a share of the range. */
const straight = 1e-3;
/** With more corners than this it is called a curve. */
const mostCorners = 12;
/** Longer lists of corners are counted. */
const widest = 60;

const short = (value: number): string => String(Number(value.toFixed(3)) || 0);

/** P's runs between its leaps, each as the corners of its straight pieces. */
function runsOf({ x, value }: SampledP): readonly (readonly Point[])[] {
  const runs: Point[][] = [];
  const range = (value.at(-1) ?? 0) - (value[0] ?? 0);
  x.forEach((at, index) => {
    const [before, rise] = [x[index - 1] ?? Number.NEGATIVE_INFINITY, (value[index] ?? 0) - (value[index - 1] ?? 0)];
    const leaps = index > 0 && at - before < 1e-9 && rise > 1e-6 * range;
    if (index === 0 || leaps) runs.push([]);
    runs.at(-1)?.push([at, value[index] ?? 0]);
  });
  return runs.map((run) => corners(run, straight * Math.max(range, 1e-12)));
}

/** The fewest of `points` (by Ramer, Douglas and Peucker's method) whose straight lines pass within `tolerance` of all. */
function corners(points: readonly Point[], tolerance: number): readonly Point[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 3) return points;
  let [farthest, at] = [tolerance, -1];
  points.forEach(([x, y], index) => {
    const share = last[0] === first[0] ? 0 : (x - first[0]) / (last[0] - first[0]);
    const distance = Math.abs(first[1] + share * (last[1] - first[1]) - y);
    if (distance > farthest) [farthest, at] = [distance, index];
  });
  if (at < 0) return [first, last];
  return [...corners(points.slice(0, at + 1), tolerance).slice(0, -1), ...corners(points.slice(at), tolerance)];
}

/** "identity", "sign", "clip to [-1, 1]", "levels -2, -1, 1, 2", its corners with a bar at each leap, or "a curve ..". */
export function wordsForP(P: SampledP): string {
  const runs = runsOf(P);
  const all = runs.flat();
  if (runs.length === 1 && all.length === 2 && all.every(([x, y]) => Math.abs(x - y) < 2e-3)) return "identity";
  if (runs.every((run) => Math.abs((run.at(-1)?.[1] ?? 0) - (run[0]?.[1] ?? 0)) < 1e-9)) {
    const levels = runs.map((run) => short(run[0]?.[1] ?? 0));
    if (levels.join() === "-1,1" && Math.abs(runs[1]?.[0]?.[0] ?? 1) < 1e-9) return "sign";
    return levels.length > 8 ? `${levels.length} levels` : `levels ${levels.join(", ")}`;
  }
  const inner = all.slice(1, -1);
  if (runs.length === 1 && all.length === 4 && inner.every(([x, y]) => Math.abs(x - y) < 5e-3)) {
    const [low, high] = [all[0]?.[1] ?? 0, all[3]?.[1] ?? 0];
    if (Math.abs(low - (inner[0]?.[1] ?? 0)) < 5e-3 && Math.abs(high - (inner[1]?.[1] ?? 0)) < 5e-3) {
      return `clip to [${short(low)}, ${short(high)}]`;
    }
  }
  const [low, high] = [short(all[0]?.[1] ?? 0), short(all.at(-1)?.[1] ?? 0)];
  const leaps = runs.length === 1 ? "" : runs.length === 2 ? ", 1 leap" : `, ${runs.length - 1} leaps`;
  if (all.length > mostCorners) return `a curve from ${low} to ${high}${leaps}`;
  const text = runs.map((run) => run.map(([x, y]) => `(${short(x)}, ${short(y)})`).join(" ")).join(" | ");
  const pieces = runs.reduce((sum, run) => sum + run.length - 1, 0);
  return text.length <= widest ? text : `${pieces} straight pieces from ${low} to ${high}${leaps}`;
}

/** "identity", "F" where P is the identity, or "smooth on [from, to]", with the gaps in which it is free. */
export function wordsForT({ P, T }: Decomposes): string {
  const [first, last] = [T.v[0] ?? 0, T.v.at(-1) ?? 0];
  const isIdentity = T.v.every((v, index) => Math.abs((T.value[index] ?? 0) - v) < 1e-6 * Math.max(1, last - first));
  if (isIdentity) return "identity";
  if (wordsForP(P) === "identity") return "F";
  const free = T.gaps.map(([from, to]) => `(${short(from)}, ${short(to)})`).join(", ");
  return `smooth on [${short(first)}, ${short(last)}]${T.gaps.length === 0 || T.gaps.length > 4 ? "" : `, free in ${free}`}`;
}
