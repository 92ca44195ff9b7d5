/**
 * Every operation of a graph in tfjs's operations, differentiable by tfjs. Two things are put together here, since tfjs
 * answers them otherwise: a max-pool's gradient goes to the first of equal maxima, and an average pool's counts the pixels
 * inside the image alone.
 */
import type { GraphNode, Shape } from "../nn/graph.ts";
import type { ProductNode } from "../nn/nodes.ts";
import { convGeometry } from "../nn/nodes.ts";
import type { WindowGeometry } from "../nn/windows.ts";
import { functions } from "../quantizers/functions.ts";
import { quantizer } from "../quantizers/registry.ts";
import { accumulated } from "./accumulated.ts";
import { momentOf, momentOfFunction, type QuantizerMoment, quantize } from "./maps.ts";
import { channelSums } from "./sums.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";
import { type PackedFactors, scaledSums, weightsInUse } from "./weights.ts";

/** Where a pass over the network stands. `evaluate` takes the sign at every quantizer and the running statistics. */
export interface Pass {
  readonly kind: "train" | "evaluate";
  /** Share of the run that is done, in [0, 1]. */
  readonly progress: number;
}

/** What a node calculates with beside its inputs: its parameters by their last names, and the shape of its first input. */
export interface Site {
  readonly pass: Pass;
  readonly parameter: (name: string) => Tensor;
  /** Without the batch axis. */
  readonly inputShape: Shape;
  /** What a packed file says of the layer's weights, where these are out of one; they are taken as they are then. */
  readonly packed?: PackedFactors | null;
  /** Mean and variance of each channel over the batch; `momentsOf` where absent. */
  readonly moments?: (x: Tensor) => Moments;
}

/** Mean, and mean squared distance from it, of each channel. */
export interface Moments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** The sign with Bi-Real's slope. */
const poly = quantizer("poly");

/** The maps that act on the operands of a convolution or dense layer; null for an operand that stays real. */
export function mapsOf(
  node: ProductNode,
  pass: Pass,
): { readonly weight: QuantizerMoment | null; readonly activation: QuantizerMoment | null } {
  const { weightQuantizer, activationQuantizer } = node.attributes;
  const hard = pass.kind === "evaluate";
  return {
    weight: weightQuantizer === null ? null : momentOf(weightQuantizer, pass.progress, hard),
    activation: activationQuantizer === null ? null : momentOf(activationQuantizer, pass.progress, hard),
  };
}

/** The value of `node` for the values of its inputs, `[images][...shape]`. */
export function evaluateNode(tf: TensorFlow, node: GraphNode, inputs: readonly Tensor[], site: Site): Tensor {
  const [x, second] = inputs as [Tensor, Tensor];
  switch (node.op) {
    case "input":
      return x;
    case "conv2d":
    case "dense": {
      const { weight, activation } = mapsOf(node, site.pass);
      const { accumulator, weightQuantizer } = node.attributes;
      const [latent, packed] = [site.parameter("kernel"), site.packed ?? null];
      const kernel = weightsInUse(tf, weightQuantizer, weight, latent, packed);
      const operand = quantize(tf, activation, x);
      const exact = product(tf, node, operand, kernel, site.inputShape);
      const isBinary = weight?.hard === true && activation?.hard === true;
      const taps = (): readonly Tensor[] => tapsOf(tf, node, operand, site.inputShape);
      const raw = accumulator !== null && isBinary ? accumulated(tf, exact, taps, kernel, accumulator) : exact;
      const sums = scaledSums(tf, weightQuantizer, raw, latent, packed);
      return node.attributes.useBias ? tf.add(sums, site.parameter("bias")) : sums;
    }
    case "batchNorm": {
      const { mean, variance } =
        site.pass.kind === "train"
          ? (site.moments?.(x) ?? momentsOf(tf, x))
          : { mean: site.parameter("movingMean"), variance: site.parameter("movingVariance") };
      const deviation = tf.sqrt(tf.add(variance, node.attributes.epsilon));
      const unit = tf.div(tf.sub(x, mean), deviation);
      return tf.add(tf.mul(unit, site.parameter("gamma")), site.parameter("beta"));
    }
    case "maxPool2d":
      return maxPool(tf, x, convGeometry(node, site.inputShape));
    case "avgPool2d":
      return averagePool(tf, x, convGeometry(node, site.inputShape));
    case "globalAvgPool2d":
      return tf.mean(x, [1, 2]);
    case "activation":
      return quantize(tf, momentOfFunction(functions[node.attributes.activation]), x);
    case "shift":
      return tf.add(x, site.parameter("beta"));
    case "prelu":
      // tf.prelu gives the slope to the gradient at 0.
      return tf.where(tf.greaterEqual(x, 0), x, tf.mul(x, site.parameter("alpha")));
    case "adaptiveSign": {
      const [alpha, beta] = [tf.abs(site.parameter("alpha")), site.parameter("beta")];
      const unit = tf.div(tf.sub(x, beta), alpha);
      return tf.add(tf.mul(quantize(tf, momentOf(poly, 1, true), unit), alpha), beta);
    }
    case "flatten":
      return tf.reshape(x, [x.shape[0] as number, -1]);
    case "add":
      return tf.add(x, second);
  }
}

/** A convolution or a product of matrices, without quantizers and bias. Linear in both operands. */
export function product(
  tf: TensorFlow,
  node: ProductNode,
  x: Tensor,
  kernel: Tensor,
  inputShape: Shape,
  padWith = padValueOf(node),
): Tensor {
  if (node.op === "dense") return tf.matMul(x as never, kernel as never);
  const { strides, padding } = node.attributes;
  const steps = [...strides] as [number, number];
  if (padding === "valid" || padWith === 0) return tf.conv2d(x as never, kernel as never, steps, padding);
  return tf.conv2d(padded(tf, x, convGeometry(node, inputShape), padWith), kernel as never, steps, "valid");
}

const padValueOf = (node: ProductNode): number => (node.op === "conv2d" && node.attributes.padValue === "one" ? 1 : 0);

/** The image with its border, as the windows see it. */
function padded(tf: TensorFlow, x: Tensor, geometry: WindowGeometry, value: number): never {
  const { height, width, padTop, padLeft, paddedHeight, paddedWidth } = geometry;
  const rows: [number, number] = [padTop, paddedHeight - height - padTop];
  const columns: [number, number] = [padLeft, paddedWidth - width - padLeft];
  return tf.pad(x, [[0, 0], rows, columns, [0, 0]], value) as never;
}

/** Mean and variance (the mean squared distance from it) of each channel over the batch. */
export function momentsOf(tf: TensorFlow, x: Tensor): Moments {
  const rows = x.size / (x.shape.at(-1) as number);
  const mean = tf.div(channelSums(tf, x), rows);
  return { mean, variance: tf.div(channelSums(tf, tf.square(tf.sub(x, mean))), rows) };
}

/** Far below every number of a network, and no infinity, which some drivers do not calculate with. */
const LOWEST = -1e30;

/** What each tap of a product reads: `[images][out height][out width][channels]` a tap, `[images][inputs]` of a dense layer. */
function tapsOf(tf: TensorFlow, node: ProductNode, x: Tensor, inputShape: Shape): readonly Tensor[] {
  return node.op === "dense" ? [x] : places(tf, x, convGeometry(node, inputShape), padValueOf(node));
}

/** The pixels at each place of the windows: `[images][out height][out width][channels]` a place. */
function places(tf: TensorFlow, x: Tensor, geometry: WindowGeometry, outside = LOWEST): readonly Tensor[] {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, outHeight, outWidth, channels } = geometry;
  const images = x.shape[0] as number;
  const image = padded(tf, x, geometry, outside);
  const found: Tensor[] = [];
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      const end = [row + (outHeight - 1) * strideHeight + 1, column + (outWidth - 1) * strideWidth + 1] as const;
      const from = [0, row, column, 0];
      found.push(tf.stridedSlice(image, from, [images, ...end, channels], [1, strideHeight, strideWidth, 1]));
    }
  }
  return found;
}

/** The largest value in each window; its gradient goes to the first place that holds it. */
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
export function maxPoolGradient(tf: TensorFlow, x: Tensor, dy: Tensor, geometry: WindowGeometry): Tensor {
  const found = places(tf, x, geometry);
  const most = found.reduce((value, place) => tf.maximum(value, place));
  let left: Tensor = tf.onesLike(dy);
  const shares = found.map((place) => {
    const here = tf.mul(left, tf.cast(tf.equal(place, most), "float32"));
    left = tf.sub(left, here);
    return tf.mul(here, dy);
  });
  return spread(tf, shares, geometry);
}

/** Adds up what each place of the windows gives to the pixels it stands on. */
function spread(tf: TensorFlow, shares: readonly Tensor[], geometry: WindowGeometry): Tensor {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth } = geometry;
  const { outHeight, outWidth, height, width, padTop, padLeft, paddedHeight, paddedWidth, channels } = geometry;
  let sum: Tensor | undefined;
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      const share = shares[row * kernelWidth + column] as Tensor;
      const images = share.shape[0] as number;
      // A stride is as many pixels, of which all but the first get nothing.
      const lines = tf.reshape(share, [images * outHeight, 1, outWidth * channels]);
      const tall = tf.pad(lines, [
        [0, 0],
        [0, strideHeight - 1],
        [0, 0],
      ]);
      const pixels = tf.reshape(tall, [images * outHeight * strideHeight * outWidth, 1, channels]);
      const size = [outHeight * strideHeight, outWidth * strideWidth] as const;
      const wide = tf.reshape(
        tf.pad(pixels, [
          [0, 0],
          [0, strideWidth - 1],
          [0, 0],
        ]),
        [images, ...size, channels],
      );
      const below: [number, number] = [row, paddedHeight + strideHeight - row - size[0]];
      const behind: [number, number] = [column, paddedWidth + strideWidth - column - size[1]];
      const moved = tf.pad(wide, [[0, 0], below, behind, [0, 0]]);
      const place = tf.slice(moved, [0, padTop, padLeft, 0], [images, height, width, channels]);
      sum = sum === undefined ? place : tf.add(sum, place);
    }
  }
  return sum as Tensor;
}

/** The mean of each window over its pixels inside the image. */
function averagePool(tf: TensorFlow, x: Tensor, geometry: WindowGeometry): Tensor {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth } = geometry;
  const window = [kernelHeight, kernelWidth] as [number, number];
  const strides = [strideHeight, strideWidth] as [number, number];
  const mean = tf.avgPool(padded(tf, x, geometry, 0), window, strides, "valid") as Tensor;
  const { counts, full } = insideCounts(geometry);
  if (full) return mean;
  const factors = counts.map((count) => (kernelHeight * kernelWidth) / count);
  return tf.mul(mean, tf.tensor(factors, [1, geometry.outHeight, geometry.outWidth, 1]));
}

/** How many pixels of each window lie inside the image, and whether all do. */
function insideCounts(geometry: WindowGeometry): { readonly counts: readonly number[]; readonly full: boolean } {
  const along = (out: number, stride: number, kernel: number, before: number, size: number): number[] =>
    Array.from({ length: out }, (_, i) => {
      const start = i * stride - before;
      return Math.min(size, start + kernel) - Math.max(0, start);
    });
  const { height, width, kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft } = geometry;
  const rows = along(geometry.outHeight, strideHeight, kernelHeight, padTop, height);
  const columns = along(geometry.outWidth, strideWidth, kernelWidth, padLeft, width);
  const counts = rows.flatMap((row) => columns.map((column) => row * column));
  return { counts, full: counts.every((count) => count === kernelHeight * kernelWidth) };
}

/** Mean cross-entropy of softmax(logits) with the true classes `labels`, int32, of which all classes share `smoothing`. */
export function crossEntropy(tf: TensorFlow, logits: Tensor, labels: Tensor, smoothing: number): Tensor {
  const truth = tf.oneHot(labels as never, logits.shape.at(-1) as number);
  return tf.losses.softmaxCrossEntropy(truth, logits, undefined, smoothing);
}
