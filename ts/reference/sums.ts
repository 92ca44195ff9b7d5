/** Sums over all but the last axis, short ones in each step, and what they may be off by. */
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The sums over all but the last axis, added up 32 at a time so that no sum is long. */
export function channelSums(tf: TensorFlow, x: Tensor): Tensor {
  const channels = x.shape.at(-1) as number;
  let rows = tf.reshape(x, [-1, channels]) as Tensor;
  while ((rows.shape[0] as number) > 1) {
    const count = rows.shape[0] as number;
    const groups = Math.ceil(count / AT_ONCE);
    const filled =
      count === groups * AT_ONCE
        ? rows
        : tf.pad(rows, [
            [0, groups * AT_ONCE - count],
            [0, 0],
          ]);
    rows = tf.sum(tf.reshape(filled, [groups, AT_ONCE, channels]), 1);
  }
  return tf.reshape(rows, [channels]);
}

const AT_ONCE = 32;

/** Terms that pass through one addition after the other in `channelSums` of `rows` rows. */
export const channelTerms = (rows: number): number =>
  AT_ONCE * Math.max(1, Math.ceil(Math.log(rows) / Math.log(AT_ONCE)));
