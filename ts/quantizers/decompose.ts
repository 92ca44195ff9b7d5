/**
 * The decomposition theorem as a computation (PC++, arXiv 2402.17710, Theorem 1): whether a pair (F, B) is F = T o P and
 * B = T' o P with a non-decreasing P and a continuously differentiable T. Where it is, PC++ with the pair is ProxConnect on
 * the loss l o T. It is about F and B alone: where latent weights restart from a map of themselves (ProxQuant, reverse
 * ProxConnect), training is not PC++ whether or not the pair decomposes.
 *
 * Between jumps P is bound to be the integral of dF / B, and the pair decomposes unless, on such an interval,
 *
 *   - F rests while B, not 0, changes: P rests with F, and two points share P but not B;
 *   - F moves while B is 0: T' would be 0 on a range of P over which T moves;
 *   - F' and B differ in sign: P would fall;
 *   - the integral has no end at a zero of B: P would be infinite.
 *
 * Where F or B jumps, P has to jump, and by how much is free, for T is free in the gap: a cubic meets values and slopes of
 * both sides over any width. The height here is |jump of F| / |B| as the integral has it, 1 where F does not jump or B is 0
 * (so BNN gets the levels -2, -1, 1, 2). Where F rests and B is 0 P is free as well, and rests here.
 *
 * What cannot be seen: a feature narrower than a cell of the grid that F and B have left again at the cell's end, a change
 * of B below 1e-8 of its largest value (more where values are rounded more), and all beyond the domain.
 */
import { integerIn, numberIn, plainObject, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { type SampledP, type SampledT, sample } from "./decompose-sample.ts";
import { type Fault, faintOf, type Leaf, leavesOf } from "./increments.ts";
import { findJumps, type Jump } from "./jumps.ts";
import { type Pair, type PairPoint, pairPoint, type Scales, scalesOf } from "./pair.ts";
import { type NamedPair, pairOf } from "./pair-of.ts";

export interface DecomposeOptions {
  /** The moment of the run, in [0, 1] (0.25). A quantizer that is hard by then has F = sign. */
  readonly progress?: number | undefined;
  /** The domain (-3 to 3). */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Cells of the grid, 16 to 65536 (2048). A pair read from a table is looked at on the table's own grid. */
  readonly samples?: number | undefined;
  /** The rounding of two functions' values as a share of their largest, to 1e-4 (2^-52; 2^-23 for what is computed in f32). */
  readonly precision?: number | undefined;
}

export interface Decomposes {
  readonly name: string;
  readonly decomposes: true;
  readonly P: SampledP;
  readonly T: SampledT;
}

export interface DoesNotDecompose {
  readonly name: string;
  readonly decomposes: false;
  /** Which condition fails, and where, in words. */
  readonly reason: string;
  /** The same as numbers: two points (the same twice where the integral has no end). */
  readonly points: readonly [PairPoint, PairPoint];
}

export type Decomposition = Decomposes | DoesNotDecompose;

const subject: Subject = { code: "argument", what: "decompose" };

/**
 * Whether `pair` decomposes, with P and T or with the reason why not. A pair is a quantizer, its name, or two functions
 * `{ name, forward, backward }` of a real number.
 *
 * @throws ProxbitError `argument` for options out of range or values that are not finite; `unknown-name`.
 */
export function decompose(pair: NamedPair, options: DecomposeOptions = {}): Decomposition {
  plainObject(options, ["progress", "from", "to", "samples", "precision"], subject);
  const at = numberIn(options.progress ?? 0.25, 0, 1, "progress", subject);
  const from = numberIn(options.from ?? -3, -1e6, 1e6, "from", subject);
  const to = numberIn(options.to ?? 3, -1e6, 1e6, "to", subject);
  if (to <= from) reject(subject, "to", `above from, which is ${from}`, to);
  const samples = integerIn(options.samples ?? 2048, 16, 65536, "samples", subject);
  const precision = numberIn(options.precision ?? Number.EPSILON, Number.EPSILON, 1e-4, "precision", subject);
  return decomposePair({ ...pairOf(pair, at), precision }, from, to, samples);
}

function decomposePair(pair: Pair, from: number, to: number, samples: number): Decomposition {
  const points = grid(pair, from, to, samples).map((x) => finitePoint(pair, x));
  const scales = scalesOf(points);
  const jumps = findJumps(pair, points, scales);
  const pieces: (readonly Leaf[])[] = [];
  // From right to left, for people look at positive x first.
  for (const piece of piecesBetween(points, jumps).toReversed()) {
    const found = leavesOfPiece(pair, piece, scales);
    if ("fault" in found) return refusal(pair.name, found);
    const shared = unequalWhereFRests(found, faintOf(pair, scales));
    if (shared !== null) return refusal(pair.name, shared);
    pieces.unshift(found);
  }
  return { name: pair.name, decomposes: true, ...sample(pieces, jumps, scales) };
}

function grid(pair: Pair, from: number, to: number, samples: number): readonly number[] {
  const equal = Array.from({ length: samples + 1 }, (_, index) => from + ((to - from) * index) / samples);
  return pair.nodes === null ? equal : [from, ...pair.nodes.filter((x) => x > from && x < to), to];
}

function finitePoint(pair: Pair, x: number): PairPoint {
  const point = pairPoint(pair, x);
  if (Number.isFinite(point.forward) && Number.isFinite(point.backward)) return point;
  throw new ProxbitError(
    "argument",
    `pair "${pair.name}" gives F = ${point.forward} and B = ${point.backward} at x = ${x}`,
    "Give maps that are finite over the whole domain, or another domain (from, to).",
  );
}

/** The points from one jump to the next, the jumps' own sides at the ends. */
function piecesBetween(points: readonly PairPoint[], jumps: readonly Jump[]): readonly (readonly PairPoint[])[] {
  const starts = [points[0], ...jumps.map(({ right }) => right)];
  const ends = [...jumps.map(({ left }) => left), points.at(-1)];
  return starts.map((start, index) => {
    const end = ends[index];
    if (start === undefined || end === undefined || end.x < start.x) return [];
    return [start, ...points.filter(({ x }) => x > start.x && x < end.x), ...(end.x > start.x ? [end] : [])];
  });
}

function leavesOfPiece(pair: Pair, piece: readonly PairPoint[], scales: Scales): readonly Leaf[] | Fault {
  const leaves: Leaf[] = [];
  for (let index = 1; index < piece.length; index += 1) {
    const [left, right] = [piece[index - 1], piece[index]];
    if (left === undefined || right === undefined) continue;
    const found = leavesOf(pair, left, right, scales);
    if ("fault" in found) return found;
    leaves.push(...found);
  }
  return leaves;
}

/** The points with the least and the largest B of a stretch over which F rests, where these differ: most of all stretches. */
function unequalWhereFRests(leaves: readonly Leaf[], least: number): Fault | null {
  let [worst, most]: [Fault | null, number] = [null, least];
  for (const stretch of flatStretches(leaves)) {
    const byB = [...stretch].sort((a, b) => a.backward - b.backward);
    const [low, high] = [byB[0], byB.at(-1)];
    if (low === undefined || high === undefined || high.backward - low.backward <= most) continue;
    most = high.backward - low.backward;
    worst = low.x < high.x ? { fault: "rests", left: low, right: high } : { fault: "rests", left: high, right: low };
  }
  return worst;
}

function flatStretches(leaves: readonly Leaf[]): readonly (readonly PairPoint[])[] {
  const stretches: PairPoint[][] = [];
  let before: Leaf | null = null;
  for (const leaf of leaves) {
    if (leaf.flat && before?.flat) stretches.at(-1)?.push(leaf.right);
    else if (leaf.flat) stretches.push([leaf.left, leaf.right]);
    before = leaf;
  }
  return stretches;
}

/** With four digits, and none for what a jump's place is short of 0. */
const short = (value: number): string => String(Math.abs(value) < 1e-9 ? 0 : Number(value.toPrecision(4)));

/** Two numbers with as many digits as tell them apart. */
function apart(a: number, b: number): string {
  const digits = [4, 6, 8, 10, 12, 14].find((count) => a.toPrecision(count) !== b.toPrecision(count)) ?? 17;
  return [a, b].map((value) => Number(value.toPrecision(digits))).join(" and ");
}

function refusal(name: string, { fault, left, right }: Fault): DoesNotDecompose {
  const between = `between x = ${short(left.x)} and x = ${short(right.x)}`;
  const [values, slopes] = [
    `F goes from ${short(left.forward)} to ${short(right.forward)}`,
    `B from ${short(left.backward)} to ${short(right.backward)}`,
  ];
  const reasons: Readonly<Record<Fault["fault"], string>> = {
    rests:
      `x = ${short(left.x)} and x = ${short(right.x)} share F = ${short(left.forward)} but not B, which is ` +
      `${apart(left.backward, right.backward)}; F rests in between, so they would share P`,
    moves: `${values} ${between} while B is 0 there: T would have to move where its slope is 0`,
    falls: `${values} and ${slopes} ${between}: with such signs P would fall`,
    endless: `the integral of dF / B, which P must be, has no end at x = ${short(left.x)}, where B reaches 0`,
  };
  return { name, decomposes: false, reason: reasons[fault], points: [left, right] };
}
