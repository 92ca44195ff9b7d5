/** Sine and cosine in tfjs by operations whose roundings are known. */
import { UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/**
 * Two of the series below may be so far apart at equal angles: sixteen operations a side, each rounding a part of terms
 * whose magnitudes add up to at most cosh(pi / 2) = 2.5.
 */
export const SERIES = 96 * UNIT;

/**
 * sin and cos by their Taylor series in r = angle - k pi, |r| <= pi / 2, whose next term is below 1e-9; pi is taken away in two
 * parts. (Graphics cards may miss a sine of their own by 2^-11.)
 */
export function circular(tf: TensorFlow, angle: Tensor): { readonly sine: Tensor; readonly cosine: Tensor } {
  const half = tf.round(tf.div(angle, Math.PI));
  const r = tf.sub(tf.sub(angle, tf.mul(half, PI_HIGH)), tf.mul(half, Math.PI - PI_HIGH));
  const odd = tf.sub(half, tf.mul(tf.floor(tf.div(half, 2)), 2));
  const sign = tf.sub(1, tf.mul(odd, 2));
  const square = tf.mul(r, r);
  /** 1 - r^2 / (first (first + 1)) (1 - r^2 / ((first + 2) (first + 3)) (...)). */
  const series = (first: number): Tensor => {
    let value: Tensor = tf.onesLike(r);
    for (let at = first + 12; at >= first; at -= 2) {
      value = tf.sub(1, tf.mul(tf.mul(square, 1 / (at * (at + 1))), value));
    }
    return value;
  };
  return { sine: tf.mul(sign, tf.mul(r, series(2))), cosine: tf.mul(sign, series(1)) };
}

/** pi to ten bits, so that its products with small whole numbers are exact. */
const PI_HIGH = 3.140625;
