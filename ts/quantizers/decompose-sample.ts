/**
 * P and T of a pair that decomposes, out of the leaves between its jumps: P by adding up, T by reading F and B over P.
 */
import type { Leaf } from "./increments.ts";
import type { Jump } from "./jumps.ts";
import type { PairPoint, Scales } from "./pair.ts";

/** P over x, ascending; an x that stands twice is a jump. */
export interface SampledP {
  readonly x: readonly number[];
  readonly value: readonly number[];
}

/** T and T' over v, the range of P, ascending; `gaps` are the parts that P leaps over, in which T is a cubic of our choice. */
export interface SampledT {
  readonly v: readonly number[];
  readonly value: readonly number[];
  readonly slope: readonly number[];
  readonly gaps: readonly (readonly [from: number, to: number])[];
}

/** A point of the pair with its P, up to the constant that `anchor` settles. */
interface Placed extends PairPoint {
  readonly p: number;
  /** Whether P leaps from the point before to here. */
  readonly leap: boolean;
}

/** Points of the cubic in a gap, its ends aside. */
const inGap = 15;
/** A change of F below this share of the largest |F| is none: the jump is B's alone. */
const noJump = 1e-9;

/** `pieces` are the leaves between `jumps`, one piece more than jumps; a piece may be empty. */
export function sample(
  pieces: readonly (readonly Leaf[])[],
  jumps: readonly Jump[],
  scales: Scales,
): { readonly P: SampledP; readonly T: SampledT } {
  const placed = anchored(place(pieces, jumps, scales), scales);
  const P = { x: placed.map(({ x }) => x), value: placed.map(({ p }) => p) };
  return { P, T: readOverP(placed) };
}

function place(pieces: readonly (readonly Leaf[])[], jumps: readonly Jump[], scales: Scales): readonly Placed[] {
  const placed: Placed[] = [];
  let p = 0;
  pieces.forEach((leaves, index) => {
    const before = jumps[index - 1];
    if (before !== undefined) {
      if (placed.length === 0) placed.push({ ...before.left, p, leap: false });
      p += heightOf(before, scales);
      placed.push({ ...before.right, p, leap: true });
    }
    const slopes = slopesOf(leaves);
    leaves.forEach((leaf, at) => {
      if (placed.length === 0) placed.push({ ...leaf.left, p, leap: false });
      p += (slopes[at] ?? 0) * (leaf.right.x - leaf.left.x);
      placed.push({ ...leaf.right, p, leap: false });
    });
  });
  return placed;
}

/** How far P leaps: as the integral of dF / B does where it says anything, else by 1. */
function heightOf({ left, right }: Jump, scales: Scales): number {
  const leap = Math.abs(right.forward - left.forward);
  const slope = Math.max(Math.abs(left.backward), Math.abs(right.backward));
  return leap <= noJump * scales.forward || slope <= noJump * scales.backward ? 1 : leap / slope;
}

/** A leaf without a slope takes its neighbour's, the one before it where there is one. */
function slopesOf(leaves: readonly Leaf[]): readonly number[] {
  const first = leaves.find(({ slope }) => slope !== null)?.slope ?? 0;
  let last = first;
  return leaves.map(({ slope }) => {
    last = slope ?? last;
    return last;
  });
}

/**
 * P is settled up to a constant: here P(0-) and P(0+) lie opposite where F is odd, and elsewhere P(0+) = F(0+); at the
 * domain's left end in place of 0 where 0 is outside.
 */
function anchored(placed: readonly Placed[], scales: Scales): readonly Placed[] {
  const after = placed.find(({ x }) => x >= 0) ?? placed[0];
  const before = placed.findLast(({ x, leap }) => x <= 0 && !leap) ?? after;
  if (after === undefined || before === undefined) return placed;
  const mirrored = Math.abs(before.x + after.x) <= 1e-6 && isOdd(placed, scales);
  const shift = mirrored ? -(before.p + after.p) / 2 : after.forward - after.p;
  return placed.map((point) => ({ ...point, p: point.p + shift }));
}

/** Whether F(-x) = -F(x) at the ends and quarters of the domain. */
function isOdd(placed: readonly Placed[], scales: Scales): boolean {
  const [first, last] = [placed[0], placed.at(-1)];
  if (first === undefined || last === undefined || first.x !== -last.x) return false;
  const at = (x: number): number => placed.reduce((a, b) => (Math.abs(b.x - x) < Math.abs(a.x - x) ? b : a)).forward;
  return [1, 0.75, 0.5, 0.25].every(
    (share) => Math.abs(at(share * last.x) + at(-share * last.x)) < 1e-6 * scales.forward,
  );
}

function readOverP(placed: readonly Placed[]): SampledT {
  const [v, value, slope]: [number[], number[], number[]] = [[], [], []];
  const gaps: (readonly [number, number])[] = [];
  let before: Placed | null = null;
  for (const point of placed) {
    if (before !== null && point.p === before.p) continue;
    if (before !== null && point.leap) {
      gaps.push([before.p, point.p]);
      for (let index = 1; index <= inGap; index += 1) {
        const [at, T, slopeThere] = cubic(before, point, index / (inGap + 1));
        v.push(at);
        value.push(T);
        slope.push(slopeThere);
      }
    }
    v.push(point.p);
    value.push(point.forward);
    slope.push(point.backward);
    before = point;
  }
  return { v, value, slope, gaps };
}

/** The cubic that meets F and B of both sides, at `share` of the way: where, its value and its slope. */
function cubic(a: Placed, b: Placed, share: number): readonly [v: number, value: number, slope: number] {
  const [width, rise, s] = [b.p - a.p, b.forward - a.forward, share];
  const value = a.forward + rise * s * s * (3 - 2 * s) + width * s * (1 - s) * (a.backward * (1 - s) - b.backward * s);
  const slope = (rise / width) * 6 * s * (1 - s) + a.backward * (1 - s) * (1 - 3 * s) + b.backward * s * (3 * s - 2);
  return [a.p + width * s, value, slope];
}
