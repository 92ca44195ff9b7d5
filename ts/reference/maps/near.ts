/** A map's value in tfjs, beside the distance that two calculations of it in f32 may have. */
import type { Tensor, TensorFlow } from "../tensorflow.ts";

/** A value, and how far ours may be from it, elementwise. */
export interface Near {
  readonly value: Tensor;
  readonly distance: Tensor;
}

/** `value` with a distance that is calculated when it is first asked for: a run on tfjs needs none. */
export function near(value: Tensor, distance: () => Tensor): Near {
  let made: Tensor | undefined;
  return {
    value,
    get distance() {
      // Asked for within a tidy of its own, the first one may be gone.
      if (made === undefined || made.isDisposed) made = distance();
      return made;
    },
  };
}

/** A tensor that is the same on both sides. */
export const exactly = (tf: TensorFlow, value: Tensor): Near => near(value, () => tf.zerosLike(value));

/** A value with a distance relative to its size. */
export const within = (tf: TensorFlow, value: Tensor, relative: number): Near =>
  near(value, () => tf.mul(tf.abs(value), relative));

/** `condition` as 1 where it holds, and 0 elsewhere. */
export const indicator = (tf: TensorFlow, condition: Tensor): Near => exactly(tf, tf.cast(condition, "float32"));

/** sign(0) = sign(-0) = +1. */
export function signOf(tf: TensorFlow, x: Tensor): Tensor {
  return tf.sub(tf.mul(tf.cast(tf.greaterEqual(x, 0), "float32"), 2), 1);
}
