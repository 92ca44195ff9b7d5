/** Distances of a product and of its gradients. */
import { type Near, near as nearTo, type QuantizerMoment, slope as slopeOf } from "../maps.ts";
import { sumDistance, UNIT } from "../rounding.ts";
import { channelSums } from "../sums.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { type LearnedPlace, learnedDistance, learnedPlace } from "./learned-operand.ts";
import { once } from "./once.ts";
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
  const way = wayBack(given, sums, dy);
  const learned = typeof at === "string" ? learnedPlace(given.node, at) : null;
  if (learned !== null) return learnedNumberDistance(given, sums, way, learned, rowCount(dy));
  return at === "kernel" ? kernelDistance(given, way, rowCount(dy)) : inputDistance(given, sums, way);
}

const rowCount = (dy: Tensor): number => dy.size / (dy.shape.at(-1) as number);

/** The distance of a product with such a factor, a number above 0, relative to the product; with its rounding. */
const relativeOf = (tf: TensorFlow, { value, distance }: Near): Tensor =>
  tf.add(tf.div(distance, tf.maximum(value, 2 ** -60)), 4 * UNIT);

/** Sums over images and pixels at the kernel, and over the windows that a pixel is in at the input; null where not wanted. */
interface SumsBack {
  readonly input: Tensor | null;
  readonly kernel: Tensor | null;
}

/** The sums that the distances at both operands are made of. A pass gives both sides together, so it is made once. */
interface WayBack {
  readonly operands: NearOperands;
  /** The gradient's magnitudes before the scale, and their relative distance; null without a scale. */
  readonly magnitude: Tensor;
  readonly relative: Tensor | null;
  /** The sums of magnitudes; of the operands' distances with the gradient's magnitudes; and of the numbers themselves. */
  readonly magnitudes: () => SumsBack;
  readonly distances: () => SumsBack;
  readonly values: () => SumsBack;
}

const ways = new WeakMap<Tensor, WayBack>();

/** The way back of `dy`, a tensor that belongs to one node over its operands. */
function wayBack(given: AppliedProduct, { multiply, hasKernelGradient = true }: Sums, dy: Tensor): WayBack {
  const known = ways.get(dy);
  if (known !== undefined) return known;
  const { tf } = given;
  const operands = nearOperands(given);
  const { x, kernel, scale, slope, activation, soft, border } = operands;
  const before = scale === null ? dy : tf.mul(dy, scale.value);
  const magnitude = tf.abs(before);
  const sums = (
    [input, weights]: readonly [Tensor, Tensor],
    at: Tensor,
    wanted: { readonly input: boolean; readonly kernel: boolean },
    padWith?: number,
  ): SumsBack => {
    if (wanted.input && wanted.kernel) {
      const both = tf.grads((left: Tensor, right: Tensor) => multiply(left, right, padWith));
      const [ofInput, ofKernel] = both([input, weights], at) as [Tensor, Tensor];
      return { input: ofInput, kernel: ofKernel };
    }
    const ofInput = (): Tensor => tf.grad((left: Tensor) => multiply(left, weights, padWith))(input, at);
    const ofKernel = (): Tensor => tf.grad((right: Tensor) => multiply(input, right, padWith))(weights, at);
    return { input: wanted.input ? ofInput() : null, kernel: wanted.kernel ? ofKernel() : null };
  };
  const both = { input: true, kernel: hasKernelGradient };
  const mapped = { input: activation !== null, kernel: hasKernelGradient && slope !== null };
  const apart = { input: soft.kernel, kernel: hasKernelGradient && soft.x };
  const way: WayBack = {
    operands,
    magnitude,
    relative: scale === null ? null : relativeOf(tf, scale),
    magnitudes: once(() => sums([tf.abs(x.value), tf.abs(kernel.value)], magnitude, both, border)),
    distances: once(() => sums([x.distance, kernel.distance], magnitude, apart, 0)),
    values: once(() => sums([x.value, kernel.value], before, mapped)),
  };
  ways.set(dy, way);
  return way;
}

/** The distance of the gradient at a number that is learned for one of the operands. */
function learnedNumberDistance(
  given: AppliedProduct,
  sums: Sums,
  way: WayBack,
  { at, number }: LearnedPlace,
  rows: number,
): Tensor {
  const { tf, inputs, site } = given;
  const { activation, weight } = way.operands;
  if (at === 0) {
    const gradient = nearTo(inputSums(tf, way), () => inputSumDistance(given, sums, way));
    return learnedDistance(tf, activation as QuantizerMoment, number, inputs[0], gradient);
  }
  const gradient = nearTo(way.values().kernel as Tensor, () => kernelSumDistance(given, way, rows));
  return learnedDistance(tf, weight as QuantizerMoment, number, site.parameter("kernel"), gradient);
}

/** The distance of dw = dS B(w') sum x dy over images and pixels. */
function kernelDistance(given: AppliedProduct, way: WayBack, rows: number): Tensor {
  const distance = kernelSumDistance(given, way, rows);
  const { slope } = way.operands;
  return slope === null ? distance : timesSlope(given.tf, slope, way.values().kernel as Tensor, distance);
}

/** The distance of the sums in it. */
function kernelSumDistance({ tf }: AppliedProduct, way: WayBack, rows: number): Tensor {
  const { operands, relative, magnitudes, distances } = way;
  const rounded = sumDistance(operands.rounded * rows);
  const relatively = relative === null ? rounded : tf.add(relative, rounded);
  let distance: Tensor = tf.mul(magnitudes().kernel as Tensor, relatively);
  if (operands.soft.x) distance = tf.add(distance, distances().kernel as Tensor);
  return distance;
}

/** The distance of dx = B(x) sum w dy over the windows that a pixel is in. */
function inputDistance(given: AppliedProduct, sums: Sums, way: WayBack): Tensor {
  const { tf, inputs } = given;
  const distance = inputSumDistance(given, sums, way);
  const { activation } = way.operands;
  if (activation === null) return distance;
  return timesSlope(tf, slopeOf(tf, activation, inputs[0]), inputSums(tf, way), distance);
}

/** The distance of the sums in it. */
function inputSumDistance({ tf }: AppliedProduct, { multiply, terms }: Sums, way: WayBack): Tensor {
  const { operands, magnitude, relative, magnitudes, distances } = way;
  const { x, kernel, soft } = operands;
  let distance: Tensor = tf.mul(magnitudes().input as Tensor, sumDistance(terms.input));
  if (relative !== null) {
    const sum = tf.grad((left: Tensor) => multiply(left, tf.abs(kernel.value)));
    distance = tf.add(distance, sum(x.value, tf.mul(magnitude, relative)));
  }
  if (soft.kernel) distance = tf.add(distance, distances().input as Tensor);
  return beforeSize(tf, way, distance);
}

/** The sums in it. */
const inputSums = (tf: TensorFlow, way: WayBack): Tensor => beforeSize(tf, way, way.values().input as Tensor);

/** The size of activations is a factor of theirs alone, and no part of the gradient at them. */
const beforeSize = (tf: TensorFlow, { operands: { size } }: WayBack, x: Tensor): Tensor =>
  size === null ? x : tf.div(x, size);
