/**
 * Sums of +-1 products in 8 bits, out of tfjs's products of matrices: one for every group of four channels of every tap,
 * with the sum brought back into 8 bits after each. All numbers are whole and small, so tfjs calculates them exactly.
 */

import type { Accumulator } from "../nn/graph.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

const GROUP = 4;

interface ExactSums {
  readonly exact: Tensor;
  /** The values that each tap reads, `[..., channels]`, a border of zeros as 0. */
  readonly taps: () => readonly Tensor[];
  /** `[..., channels / groups, filters]`. */
  readonly kernel: Tensor;
  /** 1 where absent. */
  readonly groups?: number | undefined;
}

/** The sums that an accumulator makes of exact ones, whose gradient it passes on as it is. */
export function accumulated(
  tf: TensorFlow,
  { exact, taps, kernel, groups = 1 }: ExactSums,
  { overflow }: Accumulator,
): Tensor {
  const [channels, filters] = kernel.shape.slice(-2) as [number, number];
  const own = filters / groups;
  const keep = (sum: Tensor): Tensor => {
    if (overflow === "saturate") return tf.clipByValue(sum, -128, 127);
    return tf.sub(sum, tf.mul(256, tf.floor(tf.div(tf.add(sum, 128), 256))));
  };
  const operation = tf.customGrad((given) => {
    const { shape } = given as Tensor;
    const rows = tf.reshape(kernel, [-1, channels, filters]) as Tensor;
    const read = taps().map((values) => tf.reshape(values, [-1, channels * groups]) as Tensor);
    const sums = Array.from({ length: groups }, (_, group): Tensor => {
      let sum: Tensor = tf.zeros([elementsOf(shape) / filters, own]);
      for (const [tap, pixels] of read.entries()) {
        for (let first = 0; first < channels; first += GROUP) {
          const size = Math.min(GROUP, channels - first);
          const left = tf.slice(pixels, [0, group * channels + first], [-1, size]);
          const right = tf.reshape(tf.slice(rows, [tap, first, group * own], [1, size, own]), [size, own]);
          sum = keep(tf.add(sum, tf.matMul(left as never, right as never)));
        }
      }
      return sum;
    });
    return { value: tf.reshape(tf.concat(sums, 1), shape), gradFunc: (dy: Tensor) => dy };
  });
  return operation(exact);
}
