/** Every pixel several times. The gradient at a pixel is a sum over its copies. */
import { layers } from "../../nn/layers.ts";
import { around } from "../cases.ts";
import { sumDistance } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { ReferenceOp } from "./op.ts";

/** `tf.tile` of the rows, then of the pixels, because its gradient is a plain sum. */
function copied(tf: TensorFlow, x: Tensor, [down, right]: readonly [number, number]): Tensor {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const rows = tf.tile(tf.reshape(x, [images * height, 1, width * channels]), [1, down, 1]);
  const pixels = tf.tile(tf.reshape(rows, [images * height * down * width, 1, channels]), [1, right, 1]);
  return tf.reshape(pixels, [images, height * down, width * right, channels]);
}

/** The sums over the copies of each pixel of `x`. */
function sums(tf: TensorFlow, copies: Tensor, x: Tensor, [down, right]: readonly [number, number]): Tensor {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const rows = tf.sum(tf.reshape(copies, [images * height, down, width * right * channels]), 1);
  const pixels = tf.sum(tf.reshape(rows, [images * height * width, right, channels]), 1);
  return tf.reshape(pixels, x.shape);
}

export const upSampling2d: ReferenceOp<"upSampling2d"> = {
  value: ({ tf, node, inputs: [x] }) => copied(tf, x, node.attributes.size),
  gradientDistance: ({ tf, node, inputs: [x] }, { dy }) => {
    const { size } = node.attributes;
    return tf.mul(sums(tf, tf.abs(dy), x, size), sumDistance(size[0] * size[1]));
  },
  cases: {
    alone: () =>
      ([2, [3, 1]] as const).map((size) =>
        around(`upSampling2d ${size}`, [4, 3, 5], (x) => layers.upSampling2d({ size, name: "larger" }).apply(x)),
      ),
  },
};
