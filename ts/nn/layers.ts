/**
 * The layers, by the names and with the defaults of Keras. Every function checks its options, unknown keys included. It
 * throws "argument" (or "unknown-name" for a quantizer) with the layer's name, the expected and the given value.
 *
 * A quantizer is given by name ("bnn++"), as a value, or as null for an operand that stays real. The product follows
 * from the quantizers. Both give +-1 times +-1, one gives real times +-1, none gives real times real.
 */
import { plainObject } from "../base/checks.ts";
import type { LayerOptions } from "./fields.ts";
import type { OpName } from "./graph.ts";
import { chainOf, type Layer, type LayerChain, layerSubject, type SymbolicTensor } from "./layer.ts";
import { buildLayer as build } from "./layer-options.ts";
import type {
  ActivationOptions,
  BatchNormOptions,
  Conv2dOptions,
  DenseOptions,
  DepthwiseConv2dOptions,
  DropoutOptions,
  EluOptions,
  InputOptions,
  LayerNormOptions,
  LeakyReluOptions,
  Pool2dOptions,
  UnitDeviationOptions,
} from "./ops/options.ts";
import { concatenate, flatten, permute, reshape, upSampling2d, zeroPadding2d } from "./shape-layers.ts";
import {
  attention,
  classToken,
  dropPath,
  globalAvgPool1d,
  layerScale,
  matmul,
  positionEmbedding,
  slice,
} from "./token-layers.ts";

/**
 * A conv2d without bias, because batchNorm's shift does its work. Default padding "same", quantizers "bnn++" and
 * "poly".
 */
export type BinaryConv2dOptions = Omit<Conv2dOptions, "useBias">;

/** A dense layer without bias; default quantizers "bnn++" and "poly". */
export type BinaryDenseOptions = Omit<DenseOptions, "useBias">;

const binaryOperands = { weightQuantizer: "bnn++", activationQuantizer: "poly" };
const withoutBias = { useBias: false };

/** Convolution of images `[height, width, channels]` to `[outHeight, outWidth, filters]`. */
export function conv2d(options: Conv2dOptions): Layer {
  return build("conv2d", options);
}

/** Convolution with +-1 weights on +-1 images. */
export function binaryConv2d(options: BinaryConv2dOptions): Layer {
  const defaults = { ...binaryOperands, padding: "same" } as const;
  return build("conv2d", options, { kind: "binary_conv2d", defaults, fixed: withoutBias });
}

/**
 * Depthwise convolution of images `[height, width, channels]` to `[outHeight, outWidth, channels depthMultiplier]`. Every
 * filter reads one channel. Howard et al., "MobileNets", arXiv 1704.04861, equation 3.
 */
export function depthwiseConv2d(options: DepthwiseConv2dOptions): Layer {
  return build("depthwiseConv2d", options);
}

/**
 * Matrix product of vectors `[inputs]` to `[units]`, and of each row of a value with more axes: `[tokens, inputs]` to
 * `[tokens, units]`, 2 to 4 axes alike.
 */
export function dense(options: DenseOptions): Layer {
  return build("dense", options);
}

/** Matrix product with +-1 weights on +-1 vectors, or on the rows of a value with more axes. */
export function binaryDense(options: BinaryDenseOptions): Layer {
  return build("dense", options, { kind: "binary_dense", defaults: binaryOperands, fixed: withoutBias });
}

/** Batch normalisation over the last axis, with scale gamma and shift beta. Keeps the shape. */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  return build("batchNorm", options);
}

/**
 * Layer normalisation over the last axis, each row with its own mean and variance, with scale gamma and shift beta. Keeps
 * the shape. Ba, Kiros and Hinton, "Layer Normalization", 2016.
 */
export function layerNorm(options: LayerNormOptions = {}): Layer {
  return build("layerNorm", options);
}

/** The maximum of each window, channel by channel. */
export function maxPool2d(options: Pool2dOptions = {}): Layer {
  return build("maxPool2d", options);
}

/** The mean of each window, channel by channel, over its pixels inside the image. */
export function avgPool2d(options: Pool2dOptions = {}): Layer {
  return build("avgPool2d", options);
}

/** The mean of each channel over the whole image: `[height, width, channels]` to `[channels]`. */
export function globalAvgPool2d(options: LayerOptions = {}): Layer {
  return build("globalAvgPool2d", options);
}

/** An elementwise function by name: "relu", "relu6", "hardTanh", "sigmoid", "tanh" or the exact "gelu". Keeps the shape. */
export function activation(options: ActivationOptions): Layer {
  return build("activation", options);
}

/**
 * x where x > 0, negativeSlope x elsewhere. Keeps the shape.
 * Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013.
 */
export function leakyRelu(options: LeakyReluOptions = {}): Layer {
  return build("leakyRelu", options);
}

/**
 * x where x > 0, alpha (exp(x) - 1) elsewhere. Keeps the shape. Clevert, Unterthiner and Hochreiter, "Fast and Accurate
 * Deep Network Learning by Exponential Linear Units (ELUs)", ICLR 2016.
 */
export function elu(options: EluOptions = {}): Layer {
  return build("elu", options);
}

/** max(x, 0). */
export function relu(options: LayerOptions = {}): Layer {
  return build("activation", options, { kind: "relu", fixed: { activation: "relu" } });
}

/** max(-1, min(1, x)). */
export function hardTanh(options: LayerOptions = {}): Layer {
  return build("activation", options, { kind: "hard_tanh", fixed: { activation: "hardTanh" } });
}

/**
 * x + beta with a learned beta for each channel, 0 at first. Keeps the shape.
 *
 * Before a layer with quantized activations it moves the sign's threshold: see `rsign`.
 */
export function shift(options: LayerOptions = {}): Layer {
  return build("shift", options);
}

/**
 * x where x >= 0, alpha x elsewhere, with a learned alpha for each channel, 0.25 at first. Keeps the shape.
 * PReLU: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, section 2.1.
 */
export function prelu(options: LayerOptions = {}): Layer {
  return build("prelu", options);
}

/**
 * The learned threshold of RSign, sign(x + beta) with a beta for each channel. It is a shift right before a layer whose
 * activation quantizer takes the sign ("poly" in the paper). ReActNet: Liu, Shen, Savvides and Cheng, "ReActNet:
 * Towards Precise Binary Neural Network with Generalized Activation Functions", ECCV 2020, section 4.2, equation 4,
 * whose alpha is -beta.
 */
export function rsign(options: LayerOptions = {}): Layer {
  return build("shift", options, { kind: "rsign" });
}

/**
 * RPReLU: prelu(x - gamma) + zeta with gamma, zeta and the slope learned for each channel. It consists of three layers,
 * shift, prelu and shift; the first has -gamma. They can stand in a chain, `[..., ...layers.rprelu(), ...]`, or be
 * applied to a tensor: `layers.rprelu().apply(x)`. The last layer takes the given name, the others have "_shift" and
 * "_prelu" behind it. ReActNet (see `rsign`), section 4.2, equation 5.
 */
export function rprelu(options: LayerOptions = {}): LayerChain {
  const { name }: LayerOptions = plainObject(options, ["name"], layerSubject("rprelu", undefined));
  const named = (suffix: string): LayerOptions["name"] => (typeof name === "string" ? `${name}${suffix}` : name);
  return chainOf([
    build("shift", { name: named("_shift") }, { kind: "rprelu_shift" }),
    build("prelu", { name: named("_prelu") }, { kind: "rprelu_prelu" }),
    build("shift", { name }, { kind: "rprelu" }),
  ]);
}

/**
 * AdaBin's activations: |alpha| sign((x - beta) / |alpha|) + beta. One alpha, 1 at first, and one beta, 0 at first, are
 * learned for the whole tensor. Keeps the shape. On the way back the sign has Bi-Real's slope, max(0, 2 - 2 |u|). The
 * result has two real values, so the layer behind takes no activation quantizer. Tu, Chen, Ren and Wang, "AdaBin:
 * Improving Binary Neural Networks with Adaptive Binary Sets", ECCV 2022, section 3.2.
 */
export function adaptiveSign(options: LayerOptions = {}): Layer {
  return build("adaptiveSign", options);
}

/**
 * exp(x) / sum exp(x) over the last axis. Keeps the shape. The loss takes softmax itself, so that a network to be trained
 * does not end in it.
 */
export function softmax(options: LayerOptions = {}): Layer {
  return build("softmax", options);
}

/** The sum of two tensors of one shape: `layers.add().apply([a, b])`. */
export function add(options: LayerOptions = {}): Layer {
  return build("add", options);
}

/** The product of two tensors of one shape, element by element: `layers.multiply().apply([a, b])`. */
export function multiply(options: LayerOptions = {}): Layer {
  return build("multiply", options);
}

/**
 * Drops a share of the elements in training, and makes the others larger by as much; otherwise it does nothing. Which ones are
 * dropped follows from the run's seed, the update, the layer's name and an element's place in the batch.
 */
export function dropout(options: DropoutOptions): Layer {
  return build("dropout", options);
}

/**
 * Divides each example by its standard deviation in training, as ReCU and BiPer do in front of binary activations; otherwise it
 * does nothing. Division by a positive number changes no sign.
 */
export function unitDeviation(options: UnitDeviationOptions = {}): Layer {
  return build("unitDeviation", options);
}

/** The input of a network, as a symbolic tensor to apply layers to. */
export function input(options: InputOptions): SymbolicTensor {
  return build("input", options).apply([]);
}

/** The layers under one name. */
export const layers = Object.freeze({
  input,
  conv2d,
  binaryConv2d,
  depthwiseConv2d,
  dense,
  binaryDense,
  batchNorm,
  layerNorm,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d,
  activation,
  leakyRelu,
  elu,
  relu,
  hardTanh,
  shift,
  prelu,
  rsign,
  rprelu,
  adaptiveSign,
  softmax,
  flatten,
  add,
  concatenate,
  multiply,
  matmul,
  attention,
  reshape,
  permute,
  upSampling2d,
  zeroPadding2d,
  dropout,
  dropPath,
  layerScale,
  positionEmbedding,
  classToken,
  slice,
  globalAvgPool1d,
  unitDeviation,
} satisfies Readonly<
  Record<OpName | "binaryConv2d" | "binaryDense" | "relu" | "hardTanh" | "rsign" | "rprelu", unknown>
>);
