/**
 * gelu by tfjs's error function, which is that of Abramowitz and Stegun, 7.1.26: off by 1.5e-7 at most, and on a graphics card
 * by another 30 roundings of a number below 1 (five coefficients, a division, an exponential that fades as it loses digits).
 * Half of either goes into Phi. Ours is off by 4 roundings of |x| or 1 in the value, and by 12 of 1 in the slope.
 */
import { FEW, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { near } from "./near.ts";
import type { BackwardTwin, ForwardTwin } from "./record.ts";

const errorOfPhi = 0.75e-7 + 16 * UNIT;

/** (1 + erf(x / sqrt 2)) / 2. */
const normal = (tf: TensorFlow, x: Tensor): Tensor => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));

export const gelu: ForwardTwin<"gelu"> = (tf, x) =>
  near(tf.mul(x, normal(tf, x)), () => tf.mul(tf.add(tf.abs(x), 1), errorOfPhi + 8 * UNIT));

export const geluPrime: BackwardTwin<"geluPrime"> = (tf, x) => {
  const bell = tf.exp(tf.mul(-0.5, tf.square(x)));
  const slope = tf.mul(tf.mul(x, bell), 1 / Math.sqrt(2 * Math.PI));
  // x phi(x) is 0.25 at most, and x^2 times it 0.47, which bounds what the exponential is off by.
  return near(tf.add(normal(tf, x), slope), () => tf.fill(x.shape, errorOfPhi + FEW));
};
