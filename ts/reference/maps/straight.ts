/** Maps of pieces that are straight or parabolas, and the slopes that are 0 and 1. */
import { FEW, UNIT } from "../rounding.ts";
import { exactly, indicator, near, signOf, within } from "./near.ts";
import type { BackwardTwin, ForwardTwin } from "./record.ts";

/** Another tensor: tfjs would add the gradient at its own argument to that at the result. */
export const identity: ForwardTwin<"identity"> = (tf, x) => within(tf, tf.clone(x), 0);

export const one: BackwardTwin<"one"> = (tf, x) => exactly(tf, tf.onesLike(x));

export const sign: ForwardTwin<"sign"> = (tf, x) => within(tf, signOf(tf, x), 0);

export const hardTanh: ForwardTwin<"hardTanh"> = (tf, x) => within(tf, tf.clipByValue(x, -1, 1), 0);

export const box: BackwardTwin<"box"> = (tf, x) => indicator(tf, tf.lessEqual(tf.abs(x), 1));

export const clippedBox: BackwardTwin<"clippedBox"> = (tf, x, width) => indicator(tf, tf.lessEqual(tf.abs(x), width));

export const unitBox: BackwardTwin<"unitBox"> = (tf, x) =>
  indicator(tf, tf.logicalAnd(tf.greaterEqual(x, 0), tf.lessEqual(x, 1)));

export const relu: ForwardTwin<"relu"> = (tf, x) => within(tf, tf.relu(x), 0);

export const reluPrime: BackwardTwin<"reluPrime"> = (tf, x) => indicator(tf, tf.greater(x, 0));

export const relu6: ForwardTwin<"relu6"> = (tf, x) => within(tf, tf.relu6(x), 0);

export const relu6Prime: BackwardTwin<"relu6Prime"> = (tf, x) =>
  indicator(tf, tf.logicalAnd(tf.greater(x, 0), tf.lessEqual(x, 6)));

export const poly: ForwardTwin<"poly"> = (tf, x) => {
  const clipped = tf.clipByValue(x, -1, 1);
  return within(tf, tf.mul(clipped, tf.sub(2, tf.abs(clipped))), 4 * UNIT);
};

export const polyPrime: BackwardTwin<"polyPrime"> = (tf, x) => {
  const value = tf.mul(2, tf.sub(1, tf.minimum(tf.abs(x), 1)));
  return near(value, () => tf.fill(x.shape, 4 * UNIT));
};

export const piecewiseLinear: ForwardTwin<"piecewiseLinear"> = (tf, x, rho, varrho) => {
  const magnitude = tf.abs(x);
  const edge = Math.fround(1 - rho);
  if (edge <= 0) return within(tf, signOf(tf, x), 0);
  const slope = tf.add(varrho, tf.div(tf.mul(Math.fround(1 - varrho), magnitude), edge));
  const height = tf.where(tf.greaterEqual(magnitude, edge), tf.onesLike(x), slope);
  return within(tf, tf.mul(signOf(tf, x), height), FEW);
};

export const proxQuant: ForwardTwin<"proxQuant"> = (tf, x, lambda) => {
  const magnitude = tf.abs(x);
  const excess = tf.sub(magnitude, 1);
  const height = tf.add(1, tf.sub(excess, tf.clipByValue(excess, -lambda, lambda)));
  return near(tf.mul(signOf(tf, x), height), () => tf.mul(tf.add(magnitude, 1), 8 * UNIT));
};

export const unitLevels: ForwardTwin<"unitLevels"> = (tf, x, levels) =>
  within(tf, tf.div(tf.round(tf.mul(tf.clipByValue(x, 0, 1), levels)), levels), FEW);

export const symmetricLevels: ForwardTwin<"symmetricLevels"> = (tf, x, levels) => {
  const share = tf.add(tf.mul(tf.clipByValue(x, -1, 1), 0.5), 0.5);
  const value = tf.sub(tf.div(tf.mul(2, tf.round(tf.mul(share, levels))), levels), 1);
  return near(value, () => tf.fill(x.shape, FEW));
};
