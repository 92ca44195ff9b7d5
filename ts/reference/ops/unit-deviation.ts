/** y = x / s in training, s = sqrt(var + epsilon) of each example; dx = dy / s - (x - mean) sum(dy x) / ((n - 1) s^3). */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor } from "../tensorflow.ts";
import type { Applied, GradientAt, ReferenceOp } from "./op.ts";

type Given = Applied<"unitDeviation">;

/** The sum over each example of `x`, by a product with ones, with an axis for each of its axes. */
function sums({ tf, inputs: [like] }: Given, x: Tensor): Tensor {
  const [images = 1, ...shape] = like.shape;
  const n = like.size / images;
  const found = tf.matMul(tf.reshape(x, [images, n]), tf.ones([n, 1]));
  return tf.reshape(found, [images, ...shape.map(() => 1)]);
}

const below = ({ inputs: [x] }: Given): number => Math.max(1, x.size / (x.shape[0] as number) - 1);
const elements = ({ inputs: [x] }: Given): number => x.size / (x.shape[0] as number);

/** 1 / s of each example, the distance of its elements from their mean, and how far 1 / s may be off, relative to itself. */
function statistics(given: Given) {
  const { tf, node, inputs } = given;
  const [x] = inputs;
  const mean = tf.div(sums(given, x), elements(given)) as Tensor;
  const apart = tf.sub(x, mean) as Tensor;
  const variance = tf.div(sums(given, tf.square(apart)), below(given));
  const inverse = tf.div(1, tf.sqrt(tf.add(variance, node.attributes.epsilon))) as Tensor;
  const sum = sumDistance(elements(given)) + FEW;
  const meanDistance = tf.mul(tf.div(sums(given, tf.abs(x)), elements(given)), sum) as Tensor;
  const relative = tf.mul(tf.add(tf.square(tf.mul(meanDistance, inverse)), sum), 0.5) as Tensor;
  return { inverse, apart, meanDistance, relative };
}

function gradientDistance(given: Given, { dy, gradient }: GradientAt): Tensor {
  const { tf, inputs } = given;
  const { inverse, apart, meanDistance, relative } = statistics(given);
  const cube = tf.div(tf.mul(inverse, tf.square(inverse)), below(given));
  const height = tf.mul(sums(given, tf.abs(tf.mul(dy, inputs[0]))), cube);
  const terms = tf.add(tf.abs(tf.mul(dy, inverse)), tf.mul(tf.abs(apart), height));
  const moved = tf.add(tf.mul(relative, 4), sumDistance(elements(given)) + FEW);
  return tf.add(tf.add(tf.mul(terms, moved), tf.mul(meanDistance, height)), tf.mul(tf.abs(gradient), FEW));
}

export const unitDeviation: ReferenceOp<"unitDeviation"> = {
  value: (given) => {
    const { tf, inputs, site } = given;
    return site.pass.kind === "train" ? tf.mul(inputs[0], statistics(given).inverse) : tf.clone(inputs[0]);
  },
  distance: (given, value) => {
    const { tf } = given;
    return tf.mul(tf.abs(value), tf.add(statistics(given).relative, FEW));
  },
  gradientDistance,
  cases: {
    alone: () => [around("unitDeviation", USUAL_IMAGE, (x) => layers.unitDeviation({ name: "deviation" }).apply(x))],
  },
};
