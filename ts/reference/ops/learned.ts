/** Distances of operations that learn a number for each channel, and work elementwise. */
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import { channelSums } from "../sums.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";

/** One rounding a side. */
export const roundedOnce = (tf: TensorFlow, value: Tensor): Tensor => tf.mul(tf.abs(value), 2 * UNIT);

/** The distance of two sums over the rows of `terms`, each of which is rounded. */
export const channelDistance = (tf: TensorFlow, terms: Tensor): Tensor =>
  tf.mul(channelSums(tf, tf.abs(terms)), sumDistance(terms.size / (terms.shape.at(-1) as number)) + FEW);
