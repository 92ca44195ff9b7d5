/** Distances of a product and of its gradients. */
import { type Near, slope as slopeOf } from "../maps.ts";
import { sumDistance, UNIT } from "../rounding.ts";
import { channelSums } from "../sums.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { GradientAt } from "./op.ts";
import { type AppliedProduct, isBinary, type NearOperands, nearOperands, type Sums } from "./product.ts";
import { timesSlope } from "./times-slope.ts";

/** The distance of y = scale (sum x w) + bias. */
export function productDistance(given: AppliedProduct, { multiply, terms }: Sums, value: Tensor): Tensor {
  const { tf, node, site } = given;
  const { x, kernel, scale, soft, border, rounded } = nearOperands(given);
  const { useBias } = node.attributes;
  let rounding = tf.mul(tf.abs(value), useBias ? 2 * UNIT : 0);
  if (scale !== null) {
    const height = useBias ? tf.add(tf.abs(value), tf.abs(site.parameter("bias"))) : tf.abs(value);
    rounding = tf.add(rounding, tf.mul(height, relativeOf(tf, scale)));
  }
  if (isBinary(node, site.pass)) return rounding;
  const [magnitude, weights] = [tf.abs(x.value), tf.abs(kernel.value)];
  const roundings = rounded * (terms.forward + 1);
  let distance = tf.mul(multiply(magnitude, weights, border), sumDistance(roundings));
  if (soft.x) distance = tf.add(distance, multiply(x.distance, weights, 0));
  if (soft.kernel) distance = tf.add(distance, multiply(magnitude, kernel.distance));
  return tf.add(rounding, scale === null ? distance : tf.mul(distance, scale.value));
}

/** The distance of the gradient at the bias, at the kernel or at the input. */
export function productGradientDistance(given: AppliedProduct, sums: Sums, { dy, at }: GradientAt): Tensor {
  const { tf } = given;
  if (at === "bias") return tf.mul(channelSums(tf, tf.abs(dy)), sumDistance(rowCount(dy)));
  const operands = nearOperands(given);
  const before = beforeScale(tf, operands.scale, dy);
  return at === "kernel" ? kernelDistance(given, sums, operands, before) : inputDistance(given, sums, operands, before);
}

const rowCount = (dy: Tensor): number => dy.size / (dy.shape.at(-1) as number);

/** The distance of a product with such a factor, a number above 0, relative to the product; with its rounding. */
const relativeOf = (tf: TensorFlow, { value, distance }: Near): Tensor =>
  tf.add(tf.div(distance, tf.maximum(value, 2 ** -60)), 4 * UNIT);

/** The gradient at the sums before their scale, and its relative distance. */
interface BeforeScale {
  readonly dy: Tensor;
  readonly relative: Tensor;
}

function beforeScale(tf: TensorFlow, scale: Near | null, dy: Tensor): BeforeScale {
  if (scale === null) return { dy, relative: tf.scalar(0) };
  return { dy: tf.mul(dy, scale.value), relative: relativeOf(tf, scale) };
}

/** The distance of dw = dS B(w') sum x dy over images and pixels. */
function kernelDistance(
  { tf }: AppliedProduct,
  { multiply }: Sums,
  { x, kernel, slope, soft, border, rounded }: NearOperands,
  { dy, relative }: BeforeScale,
): Tensor {
  const sum = (a: Tensor, given: Tensor, padWith?: number): Tensor =>
    tf.grad((k: Tensor) => multiply(a, k, padWith))(kernel.value, given);
  const magnitude = tf.abs(dy);
  const sums = sum(tf.abs(x.value), magnitude, border);
  let distance = tf.mul(sums, tf.add(relative, sumDistance(rounded * rowCount(dy))));
  if (soft.x) distance = tf.add(distance, sum(x.distance, magnitude, 0));
  return slope === null ? distance : timesSlope(tf, slope, sum(x.value, dy), distance);
}

/** The distance of dx = B(x) sum w dy over the windows that a pixel is in. */
function inputDistance(
  { tf, inputs: [at] }: AppliedProduct,
  { multiply, terms }: Sums,
  { x, kernel, scale, activation, soft }: NearOperands,
  { dy, relative }: BeforeScale,
): Tensor {
  const sum = (weights: Tensor, given: Tensor): Tensor =>
    tf.grad((left: Tensor) => multiply(left, weights))(x.value, given);
  const magnitude = tf.abs(dy);
  let distance = tf.mul(sum(tf.abs(kernel.value), magnitude), sumDistance(terms.input));
  if (scale !== null) distance = tf.add(distance, sum(tf.abs(kernel.value), tf.mul(magnitude, relative)));
  if (soft.kernel) distance = tf.add(distance, sum(kernel.distance, magnitude));
  if (activation === null) return distance;
  return timesSlope(tf, slopeOf(tf, activation, at), sum(kernel.value, dy), distance);
}
