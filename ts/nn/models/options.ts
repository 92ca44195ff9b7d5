/** The options of every ready-made model: its input, its classes, and how it binarises. */
import { booleanOf, integerIn, plainObject, type Subject } from "../../base/checks.ts";
import type { AccumulatorChoice, QuantizerChoice } from "../fields.ts";
import type { Shape } from "../graph.ts";
import type { Layer } from "../layer.ts";
import { layers } from "../layers.ts";
import { limits } from "../limits.ts";

export interface ModelOptions {
  /** `[height, width, channels]` of the images. Default [28, 28, 1], or that of the model's own file. */
  readonly inputShape?: Shape | undefined;
  /**
   * Number of classes, 2 .. 65536; the labels of data sets are bytes, so that 256 can be trained. Default 10 or the
   * model's.
   */
  readonly classes?: number | undefined;
  /** The quantizer for the weights of every binary layer; null for real weights. Default "bnn++". */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** The quantizer for the inputs of every binary layer but a first one; null for real activations. Default "poly". */
  readonly activationQuantizer?: QuantizerChoice | undefined;
  /**
   * The sums of every convolution and linear layer with both quantizers: "saturate" or "wrap" for 8 bits. Default null, exact
   * sums. Sums of attention are exact.
   */
  readonly accumulator?: AccumulatorChoice | undefined;
  /** Gives the first layer the weight quantizer; it reads real pixels all the same. Default false, or the model's. */
  readonly binaryStem?: boolean | undefined;
  /** Gives the last layer both quantizers, with a batch norm behind it in place of its bias. Default false. */
  readonly binaryHead?: boolean | undefined;
  /** Gives the residual models ReActNet's layers, with thresholds and slopes learned. Default false. */
  readonly reactnet?: boolean | undefined;
}

export interface ModelChoices {
  readonly inputShape: Shape;
  readonly classes: number;
  readonly weightQuantizer: QuantizerChoice;
  readonly activationQuantizer: QuantizerChoice;
  readonly accumulator: AccumulatorChoice;
  readonly binaryStem: boolean;
  readonly binaryHead: boolean;
  readonly reactnet: boolean;
}

/** The settings that the layers of a model's middle share. */
export type Operands = Pick<ModelChoices, "weightQuantizer" | "activationQuantizer" | "accumulator">;

interface ModelDefaults extends Pick<ModelChoices, "inputShape" | "classes"> {
  readonly binaryStem?: boolean;
  /** True for a model with residual layers, which has the option `reactnet`. */
  readonly residual?: boolean;
  /** Options of the model's own, which it checks itself. */
  readonly more?: readonly string[];
}

const keys = [
  ...["inputShape", "classes", "weightQuantizer", "activationQuantizer"],
  ...["accumulator", "binaryStem", "binaryHead"],
];

/** The images and classes that most models are made for: those of MNIST. */
export const usual = { inputShape: [28, 28, 1], classes: 10 };

/** Fills in the defaults and refuses unknown keys; throws "argument". The layers check the rest. */
export function modelChoices(model: string, options: ModelOptions, defaults: ModelDefaults = usual): ModelChoices {
  const subject: Subject = { code: "argument", what: `model "${model}"` };
  const own = [...(defaults.residual === true ? ["reactnet"] : []), ...(defaults.more ?? [])];
  plainObject(options, [...keys, ...own], subject);
  const { inputShape, classes, weightQuantizer = "bnn++", activationQuantizer = "poly", accumulator = null } = options;
  return {
    inputShape: inputShape ?? defaults.inputShape,
    classes: integerIn(classes ?? defaults.classes, 2, limits.filters, "classes", subject),
    weightQuantizer,
    activationQuantizer,
    accumulator,
    binaryStem: booleanOf(options.binaryStem ?? defaults.binaryStem ?? false, "binaryStem", subject),
    binaryHead: booleanOf(options.binaryHead ?? false, "binaryHead", subject),
    reactnet: booleanOf(options.reactnet ?? false, "reactnet", subject),
  };
}

export function middleOperands({ weightQuantizer, activationQuantizer, accumulator }: ModelChoices): Operands {
  return { weightQuantizer, activationQuantizer, accumulator };
}

/** The quantizer of the first layer's weights. */
export function stemQuantizer({ binaryStem, weightQuantizer }: ModelChoices): QuantizerChoice {
  return binaryStem ? weightQuantizer : null;
}

/**
 * The last layer: dense with a bias and real operands, or binary with a batch norm. Without batch norm its sums, whole
 * numbers of great size, would be the logits. Hubara et al., 2016, do the same.
 */
export function head(choices: ModelChoices, name?: string): readonly Layer[] {
  const { binaryHead, classes } = choices;
  if (!binaryHead) return [layers.dense({ units: classes, name })];
  return [
    layers.binaryDense({ units: classes, name, ...middleOperands(choices) }),
    layers.batchNorm({ name: name === undefined ? undefined : `${name}_norm` }),
  ];
}

/** Tells a last layer that reads signs. */
export function headTakesSign({ binaryHead, activationQuantizer }: ModelChoices): boolean {
  return binaryHead && activationQuantizer !== null;
}

/** Batch norm, and a nonlinearity where the next layer does not take the sign: without one, layers would merge. */
export function normalised(nextTakesSign: boolean): readonly Layer[] {
  return nextTakesSign ? [layers.batchNorm()] : [layers.batchNorm(), layers.relu()];
}
