/**
 * Sums of +-1 products in 8 bits, out of tfjs's products of matrices: one for every group of four channels of every tap,
 * with the sum brought back into 8 bits after each. All numbers are whole and small, so tfjs calculates them exactly.
 */

import type { Accumulator } from "../nn/graph.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

const GROUP = 4;

/**
 * The sums that an accumulator makes of `exact`, whose gradient it passes on as it is. `taps` gives what each tap reads,
 * `[..., channels]`, a border of zeros as 0; `kernel` is `[..., channels, filters]`.
 */
export function accumulated(
  tf: TensorFlow,
  exact: Tensor,
  taps: () => readonly Tensor[],
  kernel: Tensor,
  { overflow }: Accumulator,
): Tensor {
  const [channels, filters] = kernel.shape.slice(-2) as [number, number];
  const keep = (sum: Tensor): Tensor => {
    if (overflow === "saturate") return tf.clipByValue(sum, -128, 127);
    return tf.sub(sum, tf.mul(256, tf.floor(tf.div(tf.add(sum, 128), 256))));
  };
  const operation = tf.customGrad((given) => {
    const { shape } = given as Tensor;
    const rows = tf.reshape(kernel, [-1, channels, filters]) as Tensor;
    let sum: Tensor = tf.zeros([elementsOf(shape) / filters, filters]);
    for (const [tap, values] of taps().entries()) {
      const pixels = tf.reshape(values, [-1, channels]) as Tensor;
      for (let first = 0; first < channels; first += GROUP) {
        const size = Math.min(GROUP, channels - first);
        const left = tf.slice(pixels, [0, first], [-1, size]);
        const right = tf.reshape(tf.slice(rows, [tap, first, 0], [1, size, filters]), [size, filters]);
        sum = keep(tf.add(sum, tf.matMul(left as never, right as never)));
      }
    }
    return { value: tf.reshape(sum, shape), gradFunc: (dy: Tensor) => dy };
  });
  return operation(exact);
}
