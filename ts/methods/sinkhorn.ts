/**
 * Sinkhorn's normalisation in log space, and its way back (Sinkhorn 1964; Mena, Belanger, Linderman and Snoek, "Learning Latent
 * Permutations with Gumbel-Sinkhorn Networks", ICLR 2018). From logits L each iteration takes from rows, then from columns, the
 * logarithm of their sum of exponentials:
 *
 *   f_t = -log sum_j exp(L_ij + g_(t-1)j),   g_t = -log sum_i exp(L_ij + f_ti),   g_0 = 0,   P = exp(L + f_T + g_T)
 *
 * So columns sum to 1, and rows come to do so. The way back goes through all iterations. Sums are f64 in order, and operations are
 * those whose bits IEEE 754 fixes, so that every engine has the same P.
 */
import { exactLog, LN2_HIGH, LN2_LOW } from "../quantizers/elementary.ts";

export interface Sinkhorn {
  /** P `[side][side]`. */
  readonly values: Float64Array;
  /** L, and f and g of each iteration, `[side]`. */
  readonly logits: Float64Array;
  readonly rows: readonly Float64Array[];
  readonly columns: readonly Float64Array[];
}

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/** P of `logits` `[side][side]` after `iterations` from 1. */
export function sinkhorn(logits: Float64Array, side: number, iterations: number): Sinkhorn {
  const [rows, columns]: [Float64Array[], Float64Array[]] = [[], []];
  let g = new Float64Array(side);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const f = new Float64Array(side);
    for (let i = 0; i < side; i++) {
      const row = logits.subarray(i * side, (i + 1) * side);
      let most = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < side; j++) {
        const value = at(row, j) + at(g, j);
        if (value > most) most = value;
      }
      let sum = 0;
      for (let j = 0; j < side; j++) sum += expOf(at(row, j) + at(g, j) - most);
      f[i] = -most - exactLog(sum);
    }
    const [most, sums] = [new Float64Array(side).fill(Number.NEGATIVE_INFINITY), new Float64Array(side)];
    for (let i = 0; i < side; i++) {
      const [row, own] = [logits.subarray(i * side, (i + 1) * side), at(f, i)];
      for (let j = 0; j < side; j++) {
        const value = at(row, j) + own;
        if (value > at(most, j)) most[j] = value;
      }
    }
    for (let i = 0; i < side; i++) {
      const [row, own] = [logits.subarray(i * side, (i + 1) * side), at(f, i)];
      for (let j = 0; j < side; j++) sums[j] = at(sums, j) + expOf(at(row, j) + own - at(most, j));
    }
    g = sums.map((sum, j) => -at(most, j) - exactLog(sum));
    rows.push(f);
    columns.push(g);
  }
  const values = exponentials(logits, rows.at(-1) as Float64Array, g);
  return { values, logits, rows, columns };
}

/** The gradient at the logits for `gradient` `[side][side]` at P. */
export function sinkhornBackward(
  { values, logits, rows, columns }: Sinkhorn,
  gradient: ArrayLike<number>,
): Float64Array {
  const side = (rows[0] as Float64Array).length;
  // At the logarithms: each normalisation takes its own softmax times the sum along the line that it has normalised.
  const found = values.map((value, k) => value * at(gradient, k));
  for (let iteration = rows.length - 1; iteration >= 0; iteration--) {
    const f = rows[iteration] as Float64Array;
    const sums = new Float64Array(side);
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) sums[j] = at(sums, j) + at(found, i * side + j);
    }
    const [g, before] = [columns[iteration] as Float64Array, columns[iteration - 1] ?? new Float64Array(side)];
    for (let i = 0; i < side; i++) {
      const [row, own] = [logits.subarray(i * side, (i + 1) * side), at(f, i)];
      const line = found.subarray(i * side, (i + 1) * side);
      let sum = 0;
      for (let j = 0; j < side; j++) {
        const value = at(line, j) - expOf(at(row, j) + own + at(g, j)) * at(sums, j);
        line[j] = value;
        sum += value;
      }
      for (let j = 0; j < side; j++) line[j] = at(line, j) - expOf(at(row, j) + own + at(before, j)) * sum;
    }
  }
  return found;
}

/** exp(L + f + g). */
function exponentials(logits: Float64Array, f: Float64Array, g: Float64Array): Float64Array {
  const side = f.length;
  const found = new Float64Array(logits.length);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) found[i * side + j] = expOf(at(logits, i * side + j) + at(f, i) + at(g, j));
  }
  return found;
}

/** 2^-k, from k = 0. */
const powers = new Float64Array(1075);
for (let [k, value] = [0, 1]; k < powers.length; k++, value /= 2) powers[k] = value;

/** e^x for x up to 0, or above it by a rounding. It is `exactExp` without its divisions, of which there are millions here. */
function expOf(x: number): number {
  if (x < -744) return 0;
  // The whole part of a number that is not negative.
  const halvings = (0.5 - x * Math.LOG2E) | 0;
  const r = x + halvings * LN2_HIGH + halvings * LN2_LOW;
  // Taylor's series by Horner's rule, its factors rounded: below ln(2) / 2 the next term is under 1e-17.
  let sum = 1 / 6227020800;
  sum = sum * r + 1 / 479001600;
  sum = sum * r + 1 / 39916800;
  sum = sum * r + 1 / 3628800;
  sum = sum * r + 1 / 362880;
  sum = sum * r + 1 / 40320;
  sum = sum * r + 1 / 5040;
  sum = sum * r + 1 / 720;
  sum = sum * r + 1 / 120;
  sum = sum * r + 1 / 24;
  sum = sum * r + 1 / 6;
  sum = sum * r + 0.5;
  sum = sum * r + 1;
  sum = sum * r + 1;
  return sum * at(powers, halvings);
}
