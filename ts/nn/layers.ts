/**
 * The layers, by the names and with the defaults of Keras. Every function checks its options, unknown keys included, and
 * throws "argument" (or "unknown-name" for a quantizer) with the layer's name, what was expected and what was given.
 *
 * A quantizer is given by name ("bnn++"), as a value, or as null for an operand that stays real. Which product runs
 * follows from them: both give +-1 times +-1, one gives real times +-1, none gives real times real.
 */
import { plainObject } from "../base/checks.ts";
import type { GivenQuantizer } from "../quantizers/quantizer.ts";
import { quantizer } from "../quantizers/registry.ts";
import type { Accumulator, ActivationName, Initializer, OpName, Overflow, Padding, PadValue, Shape } from "./graph.ts";
import { chainOf, type Layer, type LayerChain, layerSubject, makeLayer, type SymbolicTensor } from "./layer.ts";

export type QuantizerChoice = string | GivenQuantizer | null;
/** An accumulator of 8 bits by what it does on overflow, or as a value; null for exact sums. */
export type AccumulatorChoice = Overflow | Accumulator | null;

/** One number for both axes, or `[height, width]`. */
export type Size = number | readonly [number, number];

export interface LayerOptions {
  /** Letters, digits and `_ . + -`, unique in the network. Default: the kind of layer and a running number. */
  readonly name?: string | undefined;
}

export interface Conv2dOptions extends LayerOptions {
  /** Output channels, 1 .. 65536. */
  readonly filters: number;
  readonly kernelSize: Size;
  /** Default 1. */
  readonly strides?: Size | undefined;
  /** Default "valid", as in Keras. */
  readonly padding?: Padding | undefined;
  /** What "same" pads with; "one" is free of cost for +-1 operands. Default "zero". */
  readonly padValue?: PadValue | undefined;
  /** Default true. */
  readonly useBias?: boolean | undefined;
  /** Default "glorotUniform". */
  readonly kernelInitializer?: Initializer | undefined;
  /** Default null. */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly activationQuantizer?: QuantizerChoice | undefined;
  /** "saturate" or "wrap": +-1 products are added up in 8 bits. Needs both quantizers. Default null. */
  readonly accumulator?: AccumulatorChoice | undefined;
}

/** As conv2d, without bias (batchNorm's shift does its work); default padding "same", quantizers "bnn++" and "poly". */
export type BinaryConv2dOptions = Omit<Conv2dOptions, "useBias">;

export interface DenseOptions extends LayerOptions {
  /** Outputs, 1 .. 65536. */
  readonly units: number;
  /** Default true. */
  readonly useBias?: boolean | undefined;
  /** Default "glorotUniform". */
  readonly kernelInitializer?: Initializer | undefined;
  /** Default null. */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly activationQuantizer?: QuantizerChoice | undefined;
  /** "saturate" or "wrap": +-1 products are added up in 8 bits. Needs both quantizers. Default null. */
  readonly accumulator?: AccumulatorChoice | undefined;
}

/** As dense, without bias; default quantizers "bnn++" and "poly". */
export type BinaryDenseOptions = Omit<DenseOptions, "useBias">;

export interface BatchNormOptions extends LayerOptions {
  /**
   * Share of the old running statistics kept at each step, in [0, 1]. Default 0.9, below Keras's 0.99: the statistics
   * must be those of the hard network, which exists only for the last tenth of a run.
   */
  readonly momentum?: number | undefined;
  /** Added to the variance. Default 1e-3. */
  readonly epsilon?: number | undefined;
}

/** Of maxPool2d and avgPool2d. */
export interface Pool2dOptions extends LayerOptions {
  /** Default 2; at most 256 pixels. */
  readonly poolSize?: Size | undefined;
  /** Default: poolSize. */
  readonly strides?: Size | undefined;
  /** Default "valid". Windows of "same" are clipped to the image. */
  readonly padding?: Padding | undefined;
}

export interface ActivationOptions extends LayerOptions {
  readonly activation: ActivationName;
}

export interface InputOptions extends LayerOptions {
  /** `[height, width, channels]` or `[units]`, without the batch axis. */
  readonly shape: Shape;
}

type Fields = Readonly<Record<string, unknown>>;

/** Fills in the defaults, refuses unknown keys and turns the shorthand forms into the graph's attributes. */
function build(kind: string, op: OpName, options: unknown, defaults: Fields, fixed: Fields = {}): Layer {
  const name = typeof options === "object" && options !== null && "name" in options ? options.name : undefined;
  const given = plainObject(options, ["name", ...Object.keys(defaults)], layerSubject(kind, name));
  const attributes: Record<string, unknown> = { ...fixed };
  for (const [key, value] of Object.entries(defaults)) attributes[key] = expand(key, given[key] ?? value, given[key]);
  return makeLayer(kind, given.name, op, attributes);
}

const sizes = ["kernelSize", "strides", "poolSize"];
const quantizerKeys = ["weightQuantizer", "activationQuantizer"];

function expand(key: string, value: unknown, given: unknown): unknown {
  if (sizes.includes(key)) return typeof value === "number" ? [value, value] : value;
  if (key === "accumulator") return typeof value === "string" ? { bits: 8, overflow: value } : value;
  if (!quantizerKeys.includes(key)) return value;
  // null is a choice of its own here: the operand stays real, whatever the default.
  if (given === null) return null;
  return typeof value === "string" ? quantizer(value) : value;
}

const realOperands: Fields = { weightQuantizer: null, activationQuantizer: null, accumulator: null };
const binaryOperands: Fields = { weightQuantizer: "bnn++", activationQuantizer: "poly", accumulator: null };
const kernel: Fields = { kernelInitializer: "glorotUniform" };
const windows: Fields = { filters: undefined, kernelSize: undefined, strides: 1, padValue: "zero" };

/** Convolution of images `[height, width, channels]` to `[outHeight, outWidth, filters]`. */
export function conv2d(options: Conv2dOptions): Layer {
  const defaults = { ...windows, padding: "valid", useBias: true, ...kernel, ...realOperands };
  return build("conv2d", "conv2d", options, defaults);
}

/** Convolution with +-1 weights on +-1 images. */
export function binaryConv2d(options: BinaryConv2dOptions): Layer {
  const defaults = { ...windows, padding: "same", ...kernel, ...binaryOperands };
  return build("binary_conv2d", "conv2d", options, defaults, { useBias: false });
}

/** Matrix product of vectors `[inputs]` to `[units]`. */
export function dense(options: DenseOptions): Layer {
  return build("dense", "dense", options, { units: undefined, useBias: true, ...kernel, ...realOperands });
}

/** Matrix product with +-1 weights on +-1 vectors. */
export function binaryDense(options: BinaryDenseOptions): Layer {
  return build(
    "binary_dense",
    "dense",
    options,
    { units: undefined, ...kernel, ...binaryOperands },
    { useBias: false },
  );
}

/** Batch normalisation over the last axis, with scale gamma and shift beta. Keeps the shape. */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  return build("batch_norm", "batchNorm", options, { momentum: 0.9, epsilon: 1e-3 });
}

/** The maximum of each window, channel by channel. */
export function maxPool2d(options: Pool2dOptions = {}): Layer {
  return pool2d("max_pool2d", "maxPool2d", options);
}

/** The mean of each window, channel by channel; with "same" over the pixels inside the image only. */
export function avgPool2d(options: Pool2dOptions = {}): Layer {
  return pool2d("avg_pool2d", "avgPool2d", options);
}

function pool2d(kind: string, op: "maxPool2d" | "avgPool2d", options: Pool2dOptions): Layer {
  const poolSize = typeof options === "object" && options !== null ? (options.poolSize ?? 2) : 2;
  return build(kind, op, options, { poolSize: 2, strides: poolSize, padding: "valid" });
}

/** The mean of each channel over the whole image: `[height, width, channels]` to `[channels]`. */
export function globalAvgPool2d(options: LayerOptions = {}): Layer {
  return build("global_avg_pool2d", "globalAvgPool2d", options, {});
}

/** An elementwise function by name: "relu" or "hardTanh". Keeps the shape. */
export function activation(options: ActivationOptions): Layer {
  return build("activation", "activation", options, { activation: undefined });
}

/** max(x, 0). */
export function relu(options: LayerOptions = {}): Layer {
  return build("relu", "activation", options, {}, { activation: "relu" });
}

/** max(-1, min(1, x)). */
export function hardTanh(options: LayerOptions = {}): Layer {
  return build("hard_tanh", "activation", options, {}, { activation: "hardTanh" });
}

/**
 * x + beta with a learned beta for each channel, 0 at first. Keeps the shape.
 *
 * Before a layer with quantized activations it moves the sign's threshold: see `rsign`.
 */
export function shift(options: LayerOptions = {}): Layer {
  return build("shift", "shift", options, {});
}

/**
 * x where x >= 0, alpha x elsewhere, with a learned alpha for each channel, 0.25 at first. Keeps the shape.
 * PReLU: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, section 2.1.
 */
export function prelu(options: LayerOptions = {}): Layer {
  return build("prelu", "prelu", options, {});
}

/**
 * The learned threshold of RSign, sign(x + beta) with a beta for each channel: a shift, to stand right before a layer whose
 * activation quantizer takes the sign ("poly" in the paper). The sign itself is that quantizer's.
 * ReActNet: Liu, Shen, Savvides and Cheng, "ReActNet: Towards Precise Binary Neural Network with Generalized Activation
 * Functions", ECCV 2020, section 4.2, equation 4, whose alpha is -beta.
 */
export function rsign(options: LayerOptions = {}): Layer {
  return build("rsign", "shift", options, {});
}

/**
 * RPReLU: prelu(x - gamma) + zeta with gamma, zeta and the slope learned for each channel; as three layers, shift, prelu
 * and shift, of which the first has -gamma. They can stand in a chain, `[..., ...layers.rprelu(), ...]`, or be applied to a
 * tensor: `layers.rprelu().apply(x)`. A name is given to the last one, and with "_shift" and "_prelu" behind it to
 * the others. ReActNet (see `rsign`), section 4.2, equation 5.
 */
export function rprelu(options: LayerOptions = {}): LayerChain {
  const { name } = plainObject(options, ["name"], layerSubject("rprelu", options?.name));
  const named = (suffix: string): unknown => (typeof name === "string" ? `${name}${suffix}` : name);
  return chainOf([
    build("rprelu_shift", "shift", { name: named("_shift") }, {}),
    build("rprelu_prelu", "prelu", { name: named("_prelu") }, {}),
    build("rprelu", "shift", { name }, {}),
  ]);
}

/**
 * AdaBin's activations: |alpha| sign((x - beta) / |alpha|) + beta with one alpha, 1 at first, and one beta, 0 at first, learned
 * for the whole tensor. Keeps the shape. On the way back the sign has Bi-Real's slope, max(0, 2 - 2 |u|). It gives real
 * values, two of them: the layer behind it takes no activation quantizer.
 * Tu, Chen, Ren and Wang, "AdaBin: Improving Binary Neural Networks with Adaptive Binary Sets", ECCV 2022, section 3.2.
 */
export function adaptiveSign(options: LayerOptions = {}): Layer {
  return build("adaptive_sign", "adaptiveSign", options, {});
}

/** Any shape to one axis, rows first, channels innermost. */
export function flatten(options: LayerOptions = {}): Layer {
  return build("flatten", "flatten", options, {});
}

/** The sum of two tensors of one shape: `layers.add().apply([a, b])`. */
export function add(options: LayerOptions = {}): Layer {
  return build("add", "add", options, {});
}

/** The input of a network, as a symbolic tensor to apply layers to. */
export function input(options: InputOptions): SymbolicTensor {
  return build("input", "input", options, { shape: undefined }).apply([]);
}

/** The layers under one name. */
export const layers = Object.freeze({
  input,
  conv2d,
  binaryConv2d,
  dense,
  binaryDense,
  batchNorm,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d,
  activation,
  relu,
  hardTanh,
  shift,
  prelu,
  rsign,
  rprelu,
  adaptiveSign,
  flatten,
  add,
});
