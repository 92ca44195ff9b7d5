/**
 * Sums over all but the last axis, short ones in each step, and what they may be off by. They are products with ones, because
 * software adapters take a hundred times as long for tfjs's own reductions, which add up by a tree over a workgroup.
 */
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The sums over all but the last axis, added up 128 at a time so that no sum is long. */
export function channelSums(tf: TensorFlow, x: Tensor): Tensor {
  const channels = x.shape.at(-1) as number;
  let rows = tf.reshape(x, [-1, channels]) as Tensor;
  while ((rows.shape[0] as number) > 1) {
    const count = rows.shape[0] as number;
    const groups = Math.ceil(count / AT_ONCE);
    const each = Math.ceil(count / groups);
    const rest: [number, number] = [0, groups * each - count];
    const filled = rest[1] === 0 ? rows : tf.pad(rows, [rest, [0, 0]]);
    const ones = tf.ones([1, 1, each]);
    rows = tf.reshape(tf.matMul(ones, tf.reshape(filled, [groups, each, channels])), [groups, channels]);
  }
  return tf.reshape(rows, [channels]);
}

const AT_ONCE = 128;

/** Terms that pass through one addition after the other in `channelSums` of `rows` rows. */
export const channelTerms = (rows: number): number =>
  AT_ONCE * Math.max(1, Math.ceil(Math.log(rows) / Math.log(AT_ONCE)));
