/** Gradients on their way through a map. */
import type { Near } from "../maps.ts";
import { UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";

/** The distance of `gradient` times the slope it goes through. */
export function timesSlope(tf: TensorFlow, through: Near, gradient: Tensor, distance: Tensor): Tensor {
  const height = tf.add(tf.abs(gradient), distance);
  const rounded = tf.mul(tf.abs(tf.mul(gradient, through.value)), 2 * UNIT);
  return tf.add(tf.add(tf.mul(tf.abs(through.value), distance), tf.mul(through.distance, height)), rounded);
}
