/** exp(x - m) / sum exp(x - m) over the last axis, m being the largest x; dx = y (dy - sum dy y). */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { FEW, sumDistance, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { ReferenceOp } from "./op.ts";

const rowSums = (tf: TensorFlow, x: Tensor): Tensor => tf.sum(x, -1, true);
const channelsOf = (x: Tensor): number => x.shape.at(-1) as number;

/**
 * How far a share may be off, relative to itself. An exponential of x - m is off by 3 + 2 |x - m| ULP and by the roundings
 * of its argument; the sum is off by the weighted mean of that and by its own roundings.
 */
function relative(tf: TensorFlow, x: Tensor, y: Tensor): Tensor {
  const below = tf.sub(tf.max(x, -1, true), x);
  const power = tf.add(tf.mul(below, 6 * UNIT), FEW);
  return tf.add(tf.add(power, rowSums(tf, tf.mul(y, power))), sumDistance(channelsOf(x)));
}

export const softmax: ReferenceOp<"softmax"> = {
  value: ({ tf, inputs: [x] }) => tf.softmax(x, -1),
  distance: ({ tf, inputs: [x] }, value) => tf.mul(value, relative(tf, x, value)),
  gradientDistance: ({ tf, inputs: [x] }, { dy, gradient }) => {
    const y = tf.softmax(x, -1);
    const [off, magnitude] = [relative(tf, x, y), tf.abs(dy)];
    const sum = rowSums(tf, tf.mul(magnitude, y));
    const moved = rowSums(tf, tf.mul(tf.mul(magnitude, y), off));
    const inner = tf.add(tf.mul(tf.add(magnitude, sum), FEW), tf.add(moved, tf.mul(sum, sumDistance(channelsOf(x)))));
    return tf.add(tf.mul(y, inner), tf.mul(tf.abs(gradient), off));
  },
  cases: { alone: () => [around("softmax", USUAL_IMAGE, (x) => layers.softmax({ name: "softmax" }).apply(x))] },
};
