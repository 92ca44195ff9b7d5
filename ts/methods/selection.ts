/**
 * The selection of codewords (Wang et al., CVPR 2023): from X `[512][512]`, a row a kernel of signs, a column a place, to the kernels
 * in the first n places, and back from the gradient at these to X. `pste.ts` says when each is done.
 */
import { randomStream } from "../nn/random.ts";
import { CODEWORDS, codewordsOf, signOf, TAPS } from "../quantizers/codebook.ts";
import { exactLog } from "../quantizers/elementary.ts";
import { bestAssignment } from "./assignment.ts";
import { type Sinkhorn, sinkhorn, sinkhornBackward } from "./sinkhorn.ts";

/** The moment of a selection: all that it depends on beside X. */
export interface Moment {
  readonly temperature: number;
  readonly iterations: number;
  /** The stream of the Gumbel noise, and its factor. */
  readonly draw: { readonly seed: number; readonly name: string };
  readonly level: number;
}

/** P_GS, the relaxed permutation of `x`. */
export function relaxed(x: ArrayLike<number>, { temperature, iterations, draw, level }: Moment): Sinkhorn {
  const { uniform } = randomStream(draw.seed, draw.name);
  const noise = (): number => (level === 0 ? 0 : -level * exactLog(-exactLog(uniform())));
  const logits = Float64Array.from(x, (value) => (value + noise()) / temperature);
  return sinkhorn(logits, CODEWORDS, iterations);
}

/** The codewords `[n][9]`, `size` numbers: the kernels in the first places of the permutation nearest to P_GS. */
export const select = (x: ArrayLike<number>, size: number, moment: Moment): Float32Array =>
  codewordsOf(bestAssignment(relaxed(x, moment).values, CODEWORDS).subarray(0, size / TAPS));

/**
 * The gradient at X for `gradient` `[n][9]` at the codewords: B^T times it stands for the gradient at P, and so at P_GS, in the first
 * n columns.
 */
export function selectionGradient(x: ArrayLike<number>, gradient: ArrayLike<number>, moment: Moment): Float64Array {
  const places = gradient.length / TAPS;
  const atP = new Float64Array(CODEWORDS * CODEWORDS);
  for (let row = 0; row < CODEWORDS; row++) {
    for (let place = 0; place < places; place++) {
      let sum = 0;
      for (let tap = 0; tap < TAPS; tap++) sum += signOf(row, tap) * (gradient[TAPS * place + tap] as number);
      atP[row * CODEWORDS + place] = sum;
    }
  }
  return sinkhornBackward(relaxed(x, moment), atP).map((value) => value / moment.temperature);
}

/** X moved by at most `rate` along the way in which codewords that had moved by `drift` would have moved it. */
export function learn(x: Float32Array, drift: Float32Array, moment: Moment, rate: number): Float32Array {
  if (rate === 0 || drift.every((value) => value === 0)) return x;
  const way = selectionGradient(x, drift, moment);
  const most = way.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return most === 0 ? x : x.map((value, i) => value + (rate / most) * (way[i] as number));
}
