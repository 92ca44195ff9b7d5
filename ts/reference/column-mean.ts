/** Means of columns in tfjs, with the distance that they may have from ours. */
import { type Near, near } from "./maps.ts";
import { sumError, UNIT } from "./rounding.ts";
import { channelSums, channelTerms } from "./sums.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** Mean over the rows of each column, and how far two such means may be apart. */
export function columnMean(tf: TensorFlow, x: Tensor): Near {
  const rows = x.size / (x.shape.at(-1) as number);
  // Ours is a sum in f64, rounded once.
  return near(tf.div(channelSums(tf, x), rows), () =>
    tf.mul(tf.div(channelSums(tf, tf.abs(x)), rows), sumError(channelTerms(rows)) + 4 * UNIT),
  );
}
