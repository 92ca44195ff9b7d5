/**
 * Maps of hyperbolic tangents. tanh and sech^2 are written with e = exp(-2|v|), whose relative error is (3 + 4|v|) ULP on a
 * graphics card; near 0 tanh is its Taylor polynomial of degree 9, since 1 - e would cancel there (the next term is below 2^-26
 * for |v| < 1/4).
 */
import { FEW, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { type Near, near, signOf } from "./near.ts";
import type { BackwardTwin, ForwardTwin } from "./record.ts";

/** The v from which on sech^2 v is below 1e-34, and tanh v is +-1 in f32. For SignSwish the core calculates with this v beyond it. */
const LIMIT = 40;

/** v = beta x / 2, bounded as the core bounds it: the argument of SignSwish's hyperbolic functions. */
const halfProduct = (tf: TensorFlow, x: Tensor, beta: number): Tensor =>
  tf.clipByValue(tf.mul(x, beta / 2), -LIMIT, LIMIT);

/** tanh v, sech^2 v, and how far two calculations of them may be apart, relative to either. */
function hyperbolic(
  tf: TensorFlow,
  v: Tensor,
): { readonly tanh: Tensor; readonly square: Tensor; readonly relative: () => Tensor } {
  const magnitude = tf.minimum(tf.abs(v), LIMIT);
  const e = tf.exp(tf.mul(-2, magnitude));
  const sum = tf.add(1, e);
  const far = tf.mul(signOf(tf, v), tf.div(tf.sub(1, e), sum));
  const squared = tf.mul(v, v);
  const series = [62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1].reduce<Tensor>(
    (value, coefficient) => tf.add(tf.mul(value, squared), coefficient),
    tf.scalar(0),
  );
  const tanh = tf.where(tf.less(magnitude, 0.25), tf.mul(v, series), far);
  const square = tf.div(tf.mul(4, e), tf.mul(sum, sum));
  // exp: (3 + 4|v|) ULP; 1 - e loses a factor of at most 5 beyond 1/4; two divisions; both sides.
  const relative = (): Tensor => tf.mul(UNIT, tf.add(128, tf.mul(32, magnitude)));
  return { tanh, square, relative };
}

export const tanh: ForwardTwin<"tanh"> = (tf, x, t) => {
  const { tanh: value, relative } = hyperbolic(tf, tf.mul(x, t));
  return near(value, () => tf.mul(tf.abs(value), relative()));
};

const edeGain = (t: number): number => Math.max(1 / t, 1);

export const ede: ForwardTwin<"ede"> = (tf, x, t) => {
  const { tanh: unit, relative } = hyperbolic(tf, tf.mul(x, t));
  const value = tf.mul(unit, edeGain(t));
  return near(value, () => tf.mul(tf.abs(value), relative()));
};

/** `gain` sech^2(t x). */
function bell(tf: TensorFlow, x: Tensor, t: number, gain: number): Near {
  const v = tf.mul(x, t);
  const { square, relative } = hyperbolic(tf, v);
  const value = tf.mul(square, gain);
  // A rounded argument changes sech^2 v by 2 |v| of its rounding, and by nothing where sech^2 v has faded.
  return near(value, () => tf.mul(tf.mul(value, relative()), tf.add(1, tf.mul(2, tf.minimum(tf.abs(v), LIMIT)))));
}

export const tanhPrime: BackwardTwin<"tanhPrime"> = (tf, x, t) => bell(tf, x, t, t);

export const edePrime: BackwardTwin<"edePrime"> = (tf, x, t) => bell(tf, x, t, edeGain(t) * t);

export const signSwish: ForwardTwin<"signSwish"> = (tf, x, beta) => {
  const v = halfProduct(tf, x, beta);
  const { tanh, square, relative } = hyperbolic(tf, v);
  const slope = tf.mul(v, square);
  return near(tf.add(tanh, slope), () => {
    // The argument itself is rounded twice, which v sech^2 v passes on at most 1 + 2 |v| times.
    const magnitude = tf.add(tf.abs(tanh), tf.mul(tf.abs(slope), tf.add(1, tf.mul(2, tf.abs(v)))));
    return tf.mul(magnitude, relative());
  });
};

export const signSwishPrime: BackwardTwin<"signSwishPrime"> = (tf, x, beta) => {
  const v = halfProduct(tf, x, beta);
  const { tanh, square, relative } = hyperbolic(tf, v);
  const [height, bent] = [tf.mul(square, beta), tf.mul(v, tanh)];
  return near(tf.mul(height, tf.sub(1, bent)), () => {
    // As above: a rounded argument changes sech^2 v by 2 |v| and v tanh v by 1 + |v| of its roundings.
    const steepness = tf.mul(tf.add(1, tf.abs(bent)), tf.add(2, tf.mul(3, tf.abs(v))));
    return tf.mul(tf.mul(height, steepness), relative());
  });
};

export const sigmoid: ForwardTwin<"sigmoid"> = (tf, x) => {
  const value = tf.sigmoid(x);
  return near(value, () => {
    // A relative error of e^-x moves the value by s (1 - s) of it; a sum and a division come on top.
    const relative = tf.mul(UNIT, tf.add(64, tf.mul(32, tf.minimum(tf.abs(x), 2 * LIMIT))));
    return tf.add(tf.mul(tf.mul(value, tf.sub(1, value)), relative), tf.mul(value, FEW));
  });
};

/** s(x) s(-x) is a quarter of sech^2(x / 2). */
export const sigmoidPrime: BackwardTwin<"sigmoidPrime"> = (tf, x) => bell(tf, x, 0.5, 0.25);
