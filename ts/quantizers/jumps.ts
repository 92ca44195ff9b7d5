/**
 * Where a pair jumps. A cell of the grid in which F or B changes is halved, always into the half with the larger change;
 * what is left of the change at the width of a few roundings is a jump, for a slope would have become nothing there. A
 * table has no jumps but steep steps: a step that is large, and large beside its neighbours, stands for one.
 */
import { type Pair, type PairPoint, pairPoint, type Scales } from "./pair.ts";

/** The two sides of a jump: neighbours, as far as points are told apart. */
export interface Jump {
  readonly left: PairPoint;
  readonly right: PairPoint;
}

/** Widths below this share of the domain are a jump's. A slope of 1e7 changes the value by 1e-5 of itself in there. */
const sharpness = 2 ** -43;
/** The least change, as a share of the largest |F| or |B|, that is a jump. */
const leastJump = 1e-4;
/** The least change over a step of a table that stands for a jump, and how many times its neighbours' it must be. */
const leastStep = 0.02;
const aboveNeighbours = 4;
/** More jumps than this in one cell are not looked for. */
const mostInCell = 8;

/** The change from `a` to `b` as a share of the scales. */
function change(a: PairPoint, b: PairPoint, scales: Scales): number {
  const forward = Math.abs(b.forward - a.forward) / scales.forward;
  return Math.max(forward, Math.abs(b.backward - a.backward) / scales.backward);
}

/** The jumps of `pair` between neighbouring `points` (ascending in x; its nodes where it has any), in order. */
export function findJumps(pair: Pair, points: readonly PairPoint[], scales: Scales): readonly Jump[] {
  const cells = points.slice(1).map((right, index): Jump => ({ left: points[index] ?? right, right }));
  return pair.nodes === null
    ? cells.flatMap((cell) => jumpsInside(pair, cell, scales, widthOf(points) * sharpness))
    : steepSteps(cells, scales);
}

const widthOf = (points: readonly PairPoint[]): number => (points.at(-1)?.x ?? 0) - (points[0]?.x ?? 0);

function steepSteps(cells: readonly Jump[], scales: Scales): readonly Jump[] {
  const changes = cells.map(({ left, right }) => change(left, right, scales));
  return cells.filter((_, index) => {
    const neighbours = Math.max(changes[index - 1] ?? 0, changes[index + 1] ?? 0);
    return (changes[index] ?? 0) >= Math.max(leastStep, aboveNeighbours * neighbours);
  });
}

function jumpsInside(pair: Pair, cell: Jump, scales: Scales, sharp: number): readonly Jump[] {
  const jumps: Jump[] = [];
  const search = (from: PairPoint, to: PairPoint): void => {
    const jump = jumps.length < mostInCell ? largestJump(pair, from, to, scales, sharp) : null;
    if (jump === null) return;
    jumps.push(jump);
    search(from, jump.left);
    search(jump.right, to);
  };
  search(cell.left, cell.right);
  return jumps.sort((a, b) => a.left.x - b.left.x);
}

/** Halves [from, to] down to `sharp`, or until no half changes by what a jump must. */
function largestJump(pair: Pair, from: PairPoint, to: PairPoint, scales: Scales, sharp: number): Jump | null {
  let [left, right] = [from, to];
  while (right.x - left.x > sharp) {
    const middle = pairPoint(pair, left.x + (right.x - left.x) / 2);
    if (middle.x <= left.x || middle.x >= right.x) break;
    const [below, above] = [change(left, middle, scales), change(middle, right, scales)];
    if (Math.max(below, above) < leastJump) return null;
    if (below >= above) right = middle;
    else left = middle;
  }
  return change(left, right, scales) < leastJump ? null : { left, right };
}
