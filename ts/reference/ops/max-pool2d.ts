/** The largest value in each window. Its gradient goes to the first place that holds it; tfjs's goes elsewhere. */
import { layers } from "../../nn/layers.ts";
import { convGeometry } from "../../nn/nodes.ts";
import type { WindowGeometry } from "../../nn/windows.ts";
import { around, binaryConv, USUAL_IMAGE } from "../cases.ts";
import { sumDistance } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { LOWEST, padded, places, placesOf, spread } from "./images.ts";
import type { ReferenceOp } from "./op.ts";

function maxPool(tf: TensorFlow, x: Tensor, geometry: WindowGeometry): Tensor {
  const operation = tf.customGrad((given, save) => {
    const image = given as Tensor;
    const { kernelHeight, kernelWidth, strideHeight, strideWidth } = geometry;
    const [window, strides] = [[kernelHeight, kernelWidth] as const, [strideHeight, strideWidth] as const];
    const value: Tensor = tf.maxPool(padded(tf, image, geometry, LOWEST), [...window], [...strides], "valid");
    (save as (tensors: Tensor[]) => void)([image]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => maxPoolGradient(tf, saved[0] as Tensor, dy, geometry);
    return { value, gradFunc };
  });
  return operation(x);
}

/** Each gradient at the first place of its window that holds the maximum. */
function maxPoolGradient(tf: TensorFlow, x: Tensor, dy: Tensor, geometry: WindowGeometry): Tensor {
  const found = places(tf, x, geometry, LOWEST);
  const most = found.reduce((value, place) => tf.maximum(value, place));
  let left: Tensor = tf.onesLike(dy);
  const shares = found.map((place) => {
    const here = tf.mul(left, tf.cast(tf.equal(place, most), "float32"));
    left = tf.sub(left, here);
    return tf.mul(here, dy);
  });
  return spread(tf, shares, geometry);
}

export const maxPool2d: ReferenceOp<"maxPool2d"> = {
  value: ({ tf, node, inputs: [x], site }) => maxPool(tf, x, convGeometry(node, site.inputShape)),
  gradientDistance: ({ tf, node, inputs: [x], site }, { dy }) => {
    const geometry = convGeometry(node, site.inputShape);
    return tf.mul(maxPoolGradient(tf, x, tf.abs(dy), geometry), sumDistance(placesOf(geometry)));
  },
  cases: {
    alone: () => [
      // Whole numbers, so that maxima are often equal.
      around("maxPool2d over equal maxima", USUAL_IMAGE, (x) =>
        layers.maxPool2d({ poolSize: 2, name: "pool" }).apply(binaryConv(x, "conv")),
      ),
      around("maxPool2d 3x3, strides 2, same", USUAL_IMAGE, (x) =>
        layers.maxPool2d({ poolSize: 3, strides: 2, padding: "same", name: "pool" }).apply(x),
      ),
    ],
  },
};
