/**
 * Images made larger. Pixels are repeated, or those between them are products with two matrices, one an axis. tfjs's own
 * bilinear interpolation has a gradient for other centres of pixels alone.
 */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
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

/** The shares of an axis's pixels in those between them, `[pixels factor, pixels]`, or 1 for each share. */
function shares(tf: TensorFlow, pixels: number, factor: number, counted: boolean): Tensor {
  const rows = Array.from({ length: pixels * factor }, (_, at) => {
    const place = Math.min(pixels - 1, Math.max(0, (at + 0.5) / factor - 0.5));
    const share = (pixel: number): number => Math.max(0, 1 - Math.abs(place - pixel));
    return Array.from({ length: pixels }, (_, pixel) => (counted ? Math.ceil(share(pixel)) : share(pixel)));
  });
  return tf.tensor2d(rows);
}

/** The pixels between those of `x`, or the sums of all that have a share in them. */
function between(tf: TensorFlow, x: Tensor, size: readonly [number, number], counted = false): Tensor {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const [down, right] = size;
  const along = (count: number, pixels: number, factor: number): never =>
    tf.tile(tf.expandDims(shares(tf, pixels, factor, counted), 0), [count, 1, 1]) as never;
  const tall = tf.matMul(along(images, height, down), tf.reshape(x, [images, height, width * channels]));
  const rows = images * height * down;
  const wide = tf.matMul(along(rows, width, right), tf.reshape(tall, [rows, width, channels]));
  return tf.reshape(wide, [images, height * down, width * right, channels]);
}

/** The sums at each pixel of `x` of all gradients that it has a share in. */
const reached = (tf: TensorFlow, dy: Tensor, x: Tensor, size: readonly [number, number]): Tensor =>
  tf.grad((given) => between(tf, given as Tensor, size, true))(x, dy);

export const upSampling2d: ReferenceOp<"upSampling2d"> = {
  value: ({ tf, node, inputs: [x] }) => {
    const { size, interpolation } = node.attributes;
    return interpolation === "bilinear" ? between(tf, x, size) : copied(tf, x, size);
  },
  distance: ({ tf, node, inputs: [x] }, value) => {
    const { size, interpolation } = node.attributes;
    if (interpolation !== "bilinear") return tf.zerosLike(value);
    // A difference, a product and a sum along each axis, and shares that are rounded themselves.
    return tf.mul(between(tf, tf.abs(x), size, true), sumDistance(8));
  },
  gradientDistance: ({ tf, node, inputs: [x] }, { dy }) => {
    const { size, interpolation } = node.attributes;
    if (interpolation === "bilinear") {
      return tf.mul(reached(tf, tf.abs(dy), x, size), sumDistance(4 * size[0] * size[1] + 4));
    }
    return tf.mul(sums(tf, tf.abs(dy), x, size), sumDistance(size[0] * size[1]));
  },
  cases: {
    alone: () =>
      (["nearest", "bilinear"] as const).flatMap((interpolation) =>
        ([2, [3, 1]] as const).map((size) =>
          around(`upSampling2d ${interpolation}, ${size}`, UNEQUAL_IMAGE, (x) =>
            layers.upSampling2d({ size, interpolation, name: "larger" }).apply(x),
          ),
        ),
      ),
  },
};
