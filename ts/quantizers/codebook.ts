/**
 * Sparse kernel selection (Wang et al., "Compacting Binary Neural Networks by Sparse Kernel Selection", CVPR 2023), in f64: every
 * 3x3 kernel of a layer becomes the nearest of n codewords, which are some of the 512 kernels of -1 and +1.
 *
 * Weights are `[9][m]`, a row a tap, a column a kernel: one for each input channel of each filter. Codewords are `[n][9]`. All have
 * the same norm, so the nearest is the one with the largest product. Of equal ones it is the first.
 */

/** Weights of a kernel. */
export const TAPS = 9;
/** All kernels of signs. Tap t of the one numbered i is +1 where bit t of i is set, else -1. */
export const CODEWORDS = 2 ** TAPS;

/** Tap `tap` of the codeword numbered `number`. */
export const signOf = (number: number, tap: number): number => (((number >> tap) & 1) === 1 ? 1 : -1);

/** The codewords with these numbers, `[n][9]`. */
export const codewordsOf = (numbers: ArrayLike<number>): Float32Array =>
  Float32Array.from({ length: TAPS * numbers.length }, (_, i) =>
    signOf(numbers[Math.floor(i / TAPS)] as number, i % TAPS),
  );

export interface Nearest {
  /** The codeword of each kernel, `[9][m]`. */
  readonly value: Float64Array;
  /** Its number among the codewords, `[m]`. */
  readonly chosen: Uint32Array;
  /** By how much each kernel's product exceeds the next one's, `[m]`; Infinity where there is one codeword. */
  readonly lead: Float64Array;
}

/** The nearest of `codewords` `[n][9]` to each kernel of `w` `[9][m]`. */
export function nearestCodewords(w: ArrayLike<number>, codewords: ArrayLike<number>): Nearest {
  const m = w.length / TAPS;
  const chosen = new Uint32Array(m);
  const lead = new Float64Array(m);
  for (const kernel of chosen.keys()) {
    let [best, next] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let number = 0; TAPS * number < codewords.length; number++) {
      let product = 0;
      for (let tap = 0; tap < TAPS; tap++)
        product += (codewords[TAPS * number + tap] as number) * (w[tap * m + kernel] as number);
      if (product > best) {
        [best, next] = [product, best];
        chosen[kernel] = number;
      } else next = Math.max(next, product);
    }
    lead[kernel] = best - next;
  }
  const value = Float64Array.from(
    w,
    (_, i) => codewords[TAPS * (chosen[i % m] as number) + Math.floor(i / m)] as number,
  );
  return { value, chosen, lead };
}

/** The gradient at the codewords `[n][9]`: the sum of `gradient` `[9][m]` over the kernels that chose each. */
export function codewordGradients(
  gradient: ArrayLike<number>,
  { chosen }: Pick<Nearest, "chosen">,
  n: number,
): Float64Array {
  const m = chosen.length;
  const sums = new Float64Array(TAPS * n);
  for (let i = 0; i < gradient.length; i++) {
    const at = TAPS * (chosen[i % m] as number) + Math.floor(i / m);
    sums[at] = (sums[at] as number) + (gradient[i] as number);
  }
  return sums;
}
