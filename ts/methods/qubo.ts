/**
 * A neuron's search for signs as a quadratic problem over bits (QUBO), which annealers outside take. The sign in
 * sum_i y_i sign(x_i . v) is no quadratic function, so its quadratic model is handed over: v minimises
 *
 *   sum_i (x_i . v - t_i)^2,   t = sqrt(n) y / rms(y),   v = 2 b - 1,
 *
 * for n inputs: products of n random signs have the root mean square sqrt(n). Where y is 0 throughout, so is t.
 */
import { listOf, reading, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { firstNotFinite } from "../data/numbers.ts";

/** energy(b) = offset + sum_i linear[i] b_i + sum_{i < j} quadratic[i size + j] b_i b_j, to be minimised over bits b. */
export interface Qubo {
  readonly size: number;
  readonly linear: Float64Array;
  /** `[size][size]`, 0 on the diagonal and below it. */
  readonly quadratic: Float64Array;
  readonly offset: number;
}

/** A solver outside: the bits, 0 or 1 each, that it finds best. For a run to be a function of its seed, it must be one too. */
export type QuboSolver = (problem: Qubo) => ArrayLike<number> | Promise<ArrayLike<number>>;

/**
 * The problem of a neuron that wants `y [rows]` of the signs `x [rows][size]`; x is taken by its sign, sign(0) = +1.
 *
 * @throws ProxbitError `argument` for anything but lists of finite numbers, as many of x for each of y.
 */
export const quboOf = (x: ArrayLike<number>, y: ArrayLike<number>): Qubo =>
  reading("quboOf", "two lists of numbers", () => problemOf(x, y));

function problemOf(x: ArrayLike<number>, y: ArrayLike<number>): Qubo {
  const rows = y.length;
  const size = x.length / rows;
  if (!(Number.isSafeInteger(size) && size > 0) || firstNotFinite(x) >= 0 || firstNotFinite(y) >= 0) {
    throw new ProxbitError(
      "argument",
      `quboOf: ${x.length} signs and ${y.length} numbers that they are to give make no problem`,
      "Give finite numbers, one of y for each row, and rows of one length.",
    );
  }
  const square = Array.from(y).reduce((sum, value) => sum + value * value, 0) / rows;
  const factor = square === 0 ? 0 : Math.sqrt(size / square);
  const linear = new Float64Array(size);
  const quadratic = new Float64Array(size * size);
  let offset = 0;
  for (let row = 0; row < rows; row++) {
    const target = factor * (y[row] as number);
    const sign = (i: number): number => ((x[row * size + i] as number) >= 0 ? 1 : -1);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += sign(i);
    // x . v = 2 x . b - sum x.
    const rest = -sum - target;
    offset += rest * rest;
    for (let i = 0; i < size; i++) {
      linear[i] = (linear[i] as number) + 4 + 4 * rest * sign(i);
      for (let j = i + 1; j < size; j++) {
        quadratic[i * size + j] = (quadratic[i * size + j] as number) + 8 * sign(i) * sign(j);
      }
    }
  }
  return { size, linear, quadratic, offset };
}

/** The energy of `bits`, 0 or 1 each. @throws ProxbitError `argument` for what is no problem, or no list */
export const energyOf = (problem: Qubo, bits: ArrayLike<number>): number =>
  reading("energyOf", "what quboOf gives, and a list of bits", () => energyIn(problem, bits));

function energyIn({ size, linear, quadratic, offset }: Qubo, bits: ArrayLike<number>): number {
  let energy = offset;
  for (let i = 0; i < size; i++) {
    if (bits[i] !== 1) continue;
    energy += linear[i] as number;
    for (let j = i + 1; j < size; j++) if (bits[j] === 1) energy += quadratic[i * size + j] as number;
  }
  return energy;
}

/** The signs of a solver's bits. @throws ProxbitError `argument` for anything but `size` of 0 and 1 */
export function signsOf(found: unknown, size: number): readonly number[] {
  const subject: Subject = { code: "argument", what: "the solver of a QUBO" };
  const list = ArrayBuffer.isView(found) ? Array.from(found as Uint8Array) : found;
  return listOf(list, size, size, "its bits", subject).map((bit) => {
    if (bit !== 0 && bit !== 1) reject(subject, "a bit", "0 or 1", bit);
    return 2 * (bit as number) - 1;
  });
}
