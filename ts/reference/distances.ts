/**
 * How far a correct result of ours may be from tfjs's, operation by operation and element by element, derived from the
 * roundings of both (`rounding.ts`). The magnitudes that a bound needs, such as sum |x_i w_i|, are calculated by the same
 * operation over magnitudes.
 *
 * Inputs are the same numbers on both sides, but for the first input of a sum whose batch norm we do not write by itself.
 */
import type { GraphNode, NodeOf } from "../nn/graph.ts";
import { convGeometry, isProduct, type ProductNode } from "../nn/nodes.ts";
import { type ElementwiseFunction, functions } from "../quantizers/functions.ts";
import { exactly, momentOfFunction, type Near, type QuantizerMoment, quantized, slope } from "./maps.ts";
import { crossEntropy, evaluateNode, mapsOf, maxPoolGradient, momentsOf, product, type Site } from "./operations.ts";
import { FEW, sumDistance, sumError, UNIT } from "./rounding.ts";
import { channelSums, channelTerms } from "./sums.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";
import { nearScale, nearWeights } from "./weights.ts";

/** The value of `node`, and how far ours may be from it. */
export function nearValue(tf: TensorFlow, node: GraphNode, inputs: readonly Near[], site: Site): Near {
  const values = inputs.map((input) => input.value);
  const value = evaluateNode(tf, node, values, site);
  const [x] = values as [Tensor];
  switch (node.op) {
    case "conv2d":
    case "dense":
      return { value, distance: productDistance(tf, node, x, value, site) };
    case "batchNorm":
      return { value, distance: normDistance(tf, node, x, site) };
    case "avgPool2d":
    case "globalAvgPool2d": {
      const magnitudes = evaluateNode(tf, node, [tf.abs(x)], site);
      return { value, distance: tf.mul(magnitudes, sumDistance(placesOf(node, site)) + FEW) };
    }
    case "add": {
      const distances = inputs.map(({ distance }) => distance) as [Tensor, Tensor];
      return { value, distance: tf.add(tf.add(...distances), tf.mul(tf.abs(value), 2 * UNIT)) };
    }
    case "shift":
    case "prelu":
    case "adaptiveSign":
      // One rounding a side.
      return { value, distance: tf.mul(tf.abs(value), 2 * UNIT) };
    case "activation":
      return quantized(tf, momentOfFunction(functions[node.attributes.activation]), x);
    case "input":
    case "maxPool2d":
    case "flatten":
      return exactly(tf, value);
  }
}

/** The operands of a product as they are multiplied. */
function operandsOf(tf: TensorFlow, node: ProductNode, x: Tensor, site: Site) {
  const { weight, activation } = mapsOf(node, site.pass);
  const { weightQuantizer } = node.attributes;
  const [latent, packed] = [site.parameter("kernel"), site.packed ?? null];
  const { kernel, slope } = nearWeights(tf, weightQuantizer, weight, latent, packed);
  const standardizes = weightQuantizer !== null && weightQuantizer.standardize !== "none";
  return {
    activation,
    x: activation === null ? exactly(tf, x) : quantized(tf, activation, x),
    kernel,
    slope,
    scale: nearScale(tf, weightQuantizer, latent, packed),
    soft: [activation !== null && !activation.hard, standardizes || (weight !== null && !weight.hard)] as const,
    // Our product of signs and reals adds a border of zeros as -1 and gives it back: so many more terms are rounded.
    ...(activation?.hard === true ? { border: 1, rounded: 2 } : { border: undefined, rounded: 1 }),
  };
}

/** Whether both operands are +-1, so that sums are whole numbers and only equality will do. */
export function isBinary(node: GraphNode, site: Pick<Site, "pass">): boolean {
  if (!isProduct(node) || node.attributes.weightQuantizer?.standardize === "adabin") return false;
  const { weight, activation } = mapsOf(node, site.pass);
  return weight?.hard === true && activation?.hard === true;
}

function productDistance(tf: TensorFlow, node: ProductNode, x: Tensor, value: Tensor, site: Site): Tensor {
  const { x: left, kernel, scale, soft, border, rounded } = operandsOf(tf, node, x, site);
  const { useBias } = node.attributes;
  let rounding = tf.mul(tf.abs(value), useBias ? 2 * UNIT : 0);
  if (scale !== null) {
    const height = useBias ? tf.add(tf.abs(value), tf.abs(site.parameter("bias"))) : tf.abs(value);
    rounding = tf.add(rounding, tf.mul(height, relativeOf(tf, scale)));
  }
  if (isBinary(node, site)) return rounding;
  const outer = (distance: Tensor): Tensor => (scale === null ? distance : tf.mul(distance, scale.value));
  const times = (a: Tensor, b: Tensor, padWith?: number): Tensor => product(tf, node, a, b, site.inputShape, padWith);
  const [magnitude, weights] = [tf.abs(left.value), tf.abs(kernel.value)];
  const terms = kernel.value.size / (kernel.value.shape.at(-1) as number) + 1;
  const sums = times(magnitude, weights, border);
  let distance = tf.mul(sums, sumDistance(rounded * terms));
  if (soft[0]) distance = tf.add(distance, times(left.distance, weights, 0));
  if (soft[1]) distance = tf.add(distance, times(magnitude, kernel.distance));
  return tf.add(rounding, outer(distance));
}

/** How far a product with `factor`, a number above 0, may be off by it and by the rounding, relative to the product. */
const relativeOf = (tf: TensorFlow, { value, distance }: Near): Tensor =>
  tf.add(tf.div(distance, tf.maximum(value, 2 ** -60)), 4 * UNIT);

/** The gradient at the sums before their scale, and how far it may be off relative to that. */
function beforeScale(
  tf: TensorFlow,
  scale: Near | null,
  dy: Tensor,
): { readonly dy: Tensor; readonly relative: Tensor } {
  if (scale === null) return { dy, relative: tf.scalar(0) };
  return { dy: tf.mul(dy, scale.value), relative: relativeOf(tf, scale) };
}

/** Batch statistics as both sides have them, and how far apart they may be. */
function nearMoments(tf: TensorFlow, node: NodeOf<"batchNorm">, x: Tensor) {
  const rows = x.size / (x.shape.at(-1) as number);
  const { mean, variance } = momentsOf(tf, x);
  const magnitude = tf.div(channelSums(tf, tf.abs(x)), rows);
  // Ours are sums in f64, rounded once; the reference's go through `channelSums`.
  const one = sumError(channelTerms(rows)) + 12 * UNIT;
  const meanDistance = tf.mul(magnitude, one);
  // Ours is mean(x^2) - mean^2 in f64.
  const cancelled = tf.mul(tf.add(tf.square(mean), variance), rows * 2 ** -52);
  const varianceDistance = tf.add(tf.add(tf.mul(variance, one), tf.square(meanDistance)), cancelled);
  const inverse = tf.rsqrt(tf.add(variance, node.attributes.epsilon));
  return { rows, mean, variance, meanDistance, varianceDistance, inverse };
}

/** The distance of the running statistics of a step from ours: those of the batch, and the roundings of their mixture. */
export function nearStatistics(
  tf: TensorFlow,
  node: NodeOf<"batchNorm">,
  x: Tensor,
  running: readonly [Tensor, Tensor],
) {
  const { rows, mean, variance, meanDistance, varianceDistance } = nearMoments(tf, node, x);
  const share = Math.fround(1 - node.attributes.momentum);
  const unbiased = rows > 1 ? rows / (rows - 1) : 1;
  const mixed = (old: Tensor, batch: Tensor, batchDistance: Tensor): Near => {
    const value = tf.add(tf.mul(old, Math.fround(1 - share)), tf.mul(batch, share));
    const magnitude = tf.add(tf.abs(old), tf.mul(tf.abs(batch), share));
    return { value, distance: tf.add(tf.mul(batchDistance, share), tf.mul(magnitude, 8 * UNIT)) };
  };
  return {
    movingMean: mixed(running[0], mean, meanDistance),
    movingVariance: mixed(running[1], tf.mul(variance, unbiased), tf.mul(varianceDistance, unbiased)),
  };
}

/** y = x scale + (beta - mean scale), scale = gamma / sqrt(variance + epsilon). */
function normDistance(tf: TensorFlow, node: NodeOf<"batchNorm">, x: Tensor, site: Site): Tensor {
  const [gamma, beta] = [tf.abs(site.parameter("gamma")), tf.abs(site.parameter("beta"))];
  const roundings = (mean: Tensor, scale: Tensor): Tensor =>
    tf.mul(tf.add(tf.mul(tf.add(tf.abs(x), tf.abs(mean)), scale), beta), FEW);
  if (site.pass.kind === "evaluate") {
    const variance = site.parameter("movingVariance");
    return roundings(site.parameter("movingMean"), tf.mul(gamma, tf.rsqrt(tf.add(variance, node.attributes.epsilon))));
  }
  const { mean, inverse, meanDistance, varianceDistance } = nearMoments(tf, node, x);
  const scale = tf.mul(gamma, inverse);
  const fromVariance = tf.mul(tf.abs(tf.sub(x, mean)), tf.mul(varianceDistance, tf.mul(tf.square(inverse), 0.5)));
  return tf.add(roundings(mean, scale), tf.mul(scale, tf.add(meanDistance, fromVariance)));
}

/** Pixels of a window. */
function placesOf(node: NodeOf<"maxPool2d" | "avgPool2d" | "globalAvgPool2d">, site: Site): number {
  const { kernelHeight, kernelWidth } = convGeometry(node, site.inputShape);
  return kernelHeight * kernelWidth;
}

/** What a node's way back is asked for: the gradient at its input, or at one of its parameters. */
export type Target = "input" | "kernel" | "bias" | "gamma" | "beta" | "alpha";

/** The gradient at `target` for the gradient `dy` at the node's value; tfjs derives the value. */
export function nearGradient(
  tf: TensorFlow,
  node: GraphNode,
  inputs: readonly Tensor[],
  site: Site,
  dy: Tensor,
  target: Target,
  place = 0,
): Near {
  const at = target === "input" ? (inputs[place] as Tensor) : site.parameter(target);
  const value = tf.grad((given: Tensor) => {
    const operands = target === "input" ? inputs.map((input, i) => (i === place ? given : input)) : inputs;
    const parameter = (name: string): Tensor => (name === target ? given : site.parameter(name));
    return evaluateNode(tf, node, operands, { ...site, parameter });
  })(at, dy);
  return { value, distance: gradientDistance(tf, node, inputs[0] as Tensor, site, dy, target, value) };
}

function gradientDistance(
  tf: TensorFlow,
  node: GraphNode,
  x: Tensor,
  site: Site,
  dy: Tensor,
  target: Target,
  value: Tensor,
): Tensor {
  const magnitude = tf.abs(dy);
  switch (node.op) {
    case "conv2d":
    case "dense": {
      if (target === "bias") {
        const rows = dy.size / (dy.shape.at(-1) as number);
        return tf.mul(channelSums(tf, magnitude), sumDistance(rows));
      }
      return target === "kernel" ? kernelDistance(tf, node, x, site, dy) : inputDistance(tf, node, x, site, dy);
    }
    case "batchNorm":
      return normGradientDistance(tf, node, x, site, dy, target, value);
    case "maxPool2d": {
      const spread = maxPoolGradient(tf, x, magnitude, convGeometry(node, site.inputShape));
      return tf.mul(spread, sumDistance(placesOf(node, site)));
    }
    case "avgPool2d":
    case "globalAvgPool2d": {
      const spread = tf.grad((given: Tensor) => evaluateNode(tf, node, [given], site))(x, magnitude);
      return tf.mul(spread, sumDistance(placesOf(node, site)) + FEW);
    }
    case "shift":
    case "prelu": {
      if (target === "input") return tf.mul(tf.abs(value), 2 * UNIT);
      // Sums over the rows of dy, or of min(x, 0) dy.
      const terms = target === "alpha" ? tf.mul(magnitude, tf.abs(tf.minimum(x, 0))) : magnitude;
      return tf.mul(channelSums(tf, terms), sumDistance(dy.size / (dy.shape.at(-1) as number)) + FEW);
    }
    case "adaptiveSign": {
      // B(u) = 2 - 2 |u|, and it is 0 where |u| > 1: twice the roundings of u.
      if (target === "input") return tf.mul(magnitude, 2 * FEW);
      // Sums of sign(u) dy and u B(u) dy, or of dy and B(u) dy, which tfjs adds up by themselves: at most 3 |dy|.
      return tf.mul(tf.sum(magnitude), 3 * sumDistance(dy.size) + 4 * FEW);
    }
    case "activation":
      return functionGradientDistance(tf, functions[node.attributes.activation], x, dy);
    case "input":
    case "flatten":
    case "add":
      return tf.zerosLike(value);
  }
}

/** Of dw = dS B(w') sum x dy over images and pixels. */
function kernelDistance(tf: TensorFlow, node: ProductNode, x: Tensor, site: Site, gradient: Tensor): Tensor {
  const { x: left, kernel, slope, scale, soft, border, rounded } = operandsOf(tf, node, x, site);
  const { dy, relative } = beforeScale(tf, scale, gradient);
  const sum = (a: Tensor, given: Tensor, padWith?: number): Tensor =>
    tf.grad((k: Tensor) => product(tf, node, a, k, site.inputShape, padWith))(kernel.value, given);
  const magnitude = tf.abs(dy);
  const rows = dy.size / (dy.shape.at(-1) as number);
  const sums = sum(tf.abs(left.value), magnitude, border);
  let distance = tf.mul(sums, tf.add(relative, sumDistance(rounded * rows)));
  if (soft[0]) distance = tf.add(distance, sum(left.distance, magnitude, 0));
  return slope === null ? distance : timesSlope(tf, slope, sum(left.value, dy), distance);
}

/** Of dx = B(x) sum w dy over the windows that a pixel is in. */
function inputDistance(tf: TensorFlow, node: ProductNode, x: Tensor, site: Site, gradient: Tensor): Tensor {
  const { x: left, kernel, scale, activation, soft } = operandsOf(tf, node, x, site);
  const { dy, relative } = beforeScale(tf, scale, gradient);
  const sum = (weights: Tensor, given: Tensor): Tensor =>
    tf.grad((at: Tensor) => product(tf, node, at, weights, site.inputShape))(left.value, given);
  const magnitude = tf.abs(dy);
  const [inputs, outputs] = kernel.value.shape.slice(-2) as [number, number];
  const terms = (kernel.value.size / (inputs * outputs)) * outputs;
  let distance = tf.mul(sum(tf.abs(kernel.value), magnitude), sumDistance(terms));
  if (scale !== null) distance = tf.add(distance, sum(tf.abs(kernel.value), tf.mul(magnitude, relative)));
  if (soft[1]) distance = tf.add(distance, sum(kernel.distance, magnitude));
  if (activation === null) return distance;
  return throughMap(tf, activation, x, sum(kernel.value, dy), distance);
}

/** Of dx = dy B(x). Where both sides have the same B it is 0 or 1, by which a product is exact. */
function functionGradientDistance(tf: TensorFlow, given: ElementwiseFunction, x: Tensor, dy: Tensor): Tensor {
  const through = slope(tf, momentOfFunction(given), x);
  const { distance } = through;
  return tf.where(tf.greater(distance, 0), timesSlope(tf, through, dy, tf.zerosLike(dy)), distance);
}

/** The distance of `gradient` B(at), where that of `gradient` is known. */
function throughMap(tf: TensorFlow, map: QuantizerMoment, at: Tensor, gradient: Tensor, distance: Tensor): Tensor {
  return timesSlope(tf, slope(tf, map, at), gradient, distance);
}

/** The distance of `gradient` times the slope it goes through. */
function timesSlope(tf: TensorFlow, through: Near, gradient: Tensor, distance: Tensor): Tensor {
  const height = tf.add(tf.abs(gradient), distance);
  const rounded = tf.mul(tf.abs(tf.mul(gradient, through.value)), 2 * UNIT);
  return tf.add(tf.add(tf.mul(tf.abs(through.value), distance), tf.mul(through.distance, height)), rounded);
}

/**
 * dx = scale (dy - mean(dy) - xhat mean(dy xhat)), dgamma = sum dy xhat, dbeta = sum dy, with xhat = (x - mean) /
 * sqrt(variance + epsilon).
 */
function normGradientDistance(
  tf: TensorFlow,
  node: NodeOf<"batchNorm">,
  x: Tensor,
  site: Site,
  dy: Tensor,
  target: Target,
  value: Tensor,
): Tensor {
  const { rows, mean, inverse, meanDistance, varianceDistance } = nearMoments(tf, node, x);
  const magnitude = tf.abs(dy);
  const sum = sumDistance(rows) + FEW;
  if (target === "beta") return tf.mul(channelSums(tf, magnitude), sum);
  const unit = tf.abs(tf.mul(tf.sub(x, mean), inverse));
  const relative = tf.mul(varianceDistance, tf.mul(tf.square(inverse), 0.5));
  const roundings = tf.mul(tf.mul(tf.add(tf.abs(x), tf.abs(mean)), inverse), FEW);
  const unitDistance = tf.add(tf.add(tf.mul(meanDistance, inverse), tf.mul(unit, relative)), roundings);
  const products = channelSums(tf, tf.mul(magnitude, unit));
  const moved = channelSums(tf, tf.mul(magnitude, unitDistance));
  if (target === "gamma") return tf.add(tf.mul(products, sum), moved);
  const scale = tf.mul(tf.abs(site.parameter("gamma")), inverse);
  const [level, slope] = [tf.div(channelSums(tf, magnitude), rows), tf.div(products, rows)];
  const parts = tf.add(tf.add(magnitude, level), tf.mul(unit, slope));
  const shifted = tf.add(tf.mul(unitDistance, slope), tf.mul(unit, tf.div(moved, rows)));
  const inner = tf.add(tf.mul(parts, sum), shifted);
  return tf.add(tf.mul(scale, inner), tf.mul(tf.abs(value), tf.add(relative, FEW)));
}

/** The loss and the gradient at the logits. The absolute error of a logarithm is at most 2^-21 a side. */
export function nearLoss(
  tf: TensorFlow,
  logits: Tensor,
  labels: Tensor,
  smoothing: number,
): { readonly loss: Near; readonly gradient: Near } {
  const loss = crossEntropy(tf, logits, labels, smoothing);
  const value = tf.grad((z: Tensor) => crossEntropy(tf, z, labels, smoothing))(logits);
  const images = logits.shape[0] as number;
  const largest = tf.max(tf.abs(logits), -1, true);
  const exponent = tf.add(2 ** -19, tf.mul(tf.add(tf.add(1, tf.abs(logits)), largest), 8 * UNIT));
  const share = tf.softmax(logits as never) as Tensor;
  return {
    loss: { value: loss, distance: tf.add(2 ** -19, tf.mul(tf.add(1, tf.max(largest)), 16 * UNIT)) },
    gradient: { value, distance: tf.div(tf.add(tf.mul(share, exponent), 4 * UNIT), images) },
  };
}
