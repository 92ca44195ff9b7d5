/** x where x > 0, alpha (exp(x) - 1) elsewhere. */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { FEW, UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { ReferenceOp } from "./op.ts";

/** An exponential of x <= 0 on a graphics card is off by 3 + 2 |x| ULP, relative to itself. */
const relative = (tf: TensorFlow, negative: Tensor): Tensor => tf.add(tf.mul(tf.abs(negative), 4 * UNIT), FEW);

export const elu: ReferenceOp<"elu"> = {
  // The gradient of relu at 0 is 0, and that of the minimum 1. tf.where has no gradient over tf.greater.
  value: ({ tf, node, inputs: [x] }) => {
    const power = tf.exp(tf.minimum(x, 0));
    return tf.add(tf.relu(x), tf.mul(tf.sub(power, 1), node.attributes.alpha));
  },
  // The reference subtracts 1 from an exponential, which leaves that one's error whole; ours does not.
  distance: ({ tf, node, inputs: [x] }, value) => {
    const negative = tf.minimum(x, 0);
    const fromPower = tf.mul(tf.mul(tf.exp(negative), relative(tf, negative)), node.attributes.alpha);
    const below = tf.add(fromPower, tf.mul(tf.abs(value), FEW));
    return tf.where(tf.greater(x, 0), tf.zerosLike(below), below);
  },
  gradientDistance: ({ tf, inputs: [x] }, { gradient }) => tf.mul(tf.abs(gradient), relative(tf, tf.minimum(x, 0))),
  cases: { alone: () => [around("elu", USUAL_IMAGE, (x) => layers.elu({ alpha: 0.7, name: "elu" }).apply(x))] },
};
