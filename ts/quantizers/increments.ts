/**
 * The integral of dF / B over an interval on which F and B are continuous, in leaves: parts of which each knows P's slope,
 * the change of F over the integral of B. A leaf is halved where B changes much inside it, so that leaves become ever
 * shorter towards a zero of B, until the change of F is lost in rounding; such a leaf has no slope of its own. Along the
 * way stands what tells that there is no such P: F moves where B is 0, P would fall, the integral has no end.
 */
import { type Pair, type PairPoint, pairPoint, type Scales } from "./pair.ts";

/** A part of an interval; `slope` is P's, or null where neither F nor B says anything. */
export interface Leaf {
  readonly left: PairPoint;
  readonly right: PairPoint;
  readonly slope: number | null;
  /** Whether F rests here: P is constant, whatever B does. */
  readonly flat: boolean;
}

/** Why there is no P, and at which two points that shows. */
export interface Fault {
  /** B changes where F rests; F moves where B is 0; P would fall; the integral has no end. */
  readonly fault: "rests" | "moves" | "falls" | "endless";
  readonly left: PairPoint;
  readonly right: PairPoint;
}

/** Changes of F in roundings: no more than rounding; enough beside it to measure a slope to a thousandth. */
const roundings = 4;
const measurableRoundings = 1e3;

/** What B is known to: smaller values are told from 0 only where F moves, smaller changes from none. */
export function faintOf({ precision, blur }: Pair, scales: Scales): number {
  return Math.max(scales.backward * Math.max(1e-8, measurableRoundings * precision), blur);
}
/** A leaf over which B changes by more than this factor is halved. */
const evenness = 1.25;
const deepest = 44;

/** The leaves of [left, right], whose inside is continuous, in order; or the first fault. */
export function leavesOf(pair: Pair, left: PairPoint, right: PairPoint, scales: Scales): readonly Leaf[] | Fault {
  const leaves: Leaf[] = [];
  const [rounding, measurable] = [roundings * pair.precision, measurableRoundings * pair.precision];
  const faint = faintOf(pair, scales);
  const grow = (a: PairPoint, b: PairPoint, depth: number): Fault | null => {
    const inner = [0.25, 0.5, 0.75].map((share) => pairPoint(pair, a.x + (b.x - a.x) * share));
    const all = [a, ...inner, b];
    const values = all.map(({ backward }) => backward);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const largest = Math.max(-least, most);
    const moved = Math.max(...all.map(({ forward }) => Math.abs(forward - a.forward))) / scales.forward;
    const leaf = (slope: number | null, flat: boolean): null => {
      leaves.push({ left: a, right: b, slope, flat });
      return null;
    };
    if (largest === 0) return moved > measurable ? { fault: "moves", left: a, right: b } : leaf(0, true);
    if (largest <= pair.blur) return leaf(null, moved <= rounding);
    if (moved <= rounding) return largest <= faint ? leaf(null, true) : leaf(0, true);
    if (moved <= measurable) return leaf(null, false);
    const middle = inner[1] ?? a;
    const smallest = least > 0 ? least : most < 0 ? -most : 0;
    if (evenness * smallest < largest && depth < deepest && middle.x > a.x && middle.x < b.x) {
      return grow(a, middle, depth + 1) ?? grow(middle, b, depth + 1);
    }
    const mean = integral(values);
    const slope = (b.forward - a.forward) / (mean * (b.x - a.x));
    if (smallest === 0) return leaf(null, false);
    if (slope < 0) return { fault: "falls", left: a, right: b };
    return leaf(slope, false);
  };
  return grow(left, right, 0) ?? endless(pair, leaves, scales) ?? leaves;
}

/** Boole's rule over [0, 1] for five equally spaced values. */
function integral(values: readonly number[]): number {
  const weights = [7, 32, 12, 32, 7];
  return values.reduce((sum, value, index) => sum + (value * (weights[index] ?? 0)) / 90, 0);
}

/** Octaves that are looked at on the way to a zero of B, and the least ratio of neighbours that has no end. */
const octaves = 4;
const noEnd = 0.97;

/** Whether the parts of the integral over [d/2, d] beside a leaf without a slope stop shrinking as d goes to 0. */
function endless(pair: Pair, leaves: readonly Leaf[], scales: Scales): Fault | null {
  const [first, last] = [leaves[0], leaves.at(-1)];
  if (first === undefined || last === undefined) return null;
  const width = last.right.x - first.left.x;
  for (const { left, right, slope, flat } of leaves) {
    const narrow = right.x - left.x < width / 2 ** 6;
    if (slope !== null || flat || !narrow) continue;
    const at = pairPoint(pair, left.x + (right.x - left.x) / 2);
    for (const side of [-1, 1]) {
      const reach = side < 0 ? at.x - first.left.x : last.right.x - at.x;
      // The nearest parts feel how far `at` is from the zero itself.
      const parts = partsToward(pair, at.x, side * reach, scales).slice(0, -4);
      const tail = parts.slice(-octaves - 1);
      const ratios = tail.slice(1).map((part, index) => part / (tail[index] ?? 1));
      if (ratios.length === octaves && ratios.every((ratio) => ratio > noEnd)) return { fault: "endless", left, right };
    }
  }
  return null;
}

function partsToward(pair: Pair, zero: number, reach: number, scales: Scales): readonly number[] {
  const parts: number[] = [];
  for (let distance = reach; Math.abs(distance) > 0; distance /= 2) {
    const points = [1, 0.875, 0.75, 0.625, 0.5].map((share) => pairPoint(pair, zero + distance * share));
    const moved = Math.abs((points[4]?.forward ?? 0) - (points[0]?.forward ?? 0));
    if (moved <= measurableRoundings * pair.precision * scales.forward) break;
    const mean = Math.abs(integral(points.map(({ backward }) => backward)));
    if (mean <= pair.blur) break;
    parts.push(moved / mean);
  }
  return parts;
}
