/** What every ready-made model is asked with: its input, its classes, and how it binarises. */
import { integerIn, plainObject, type Subject } from "../../checks.ts";
import { limits } from "../attributes.ts";
import type { Shape } from "../graph.ts";
import type { Layer } from "../layer.ts";
import { layers, type QuantizerChoice } from "../layers.ts";

export interface ModelOptions {
  /** `[height, width, channels]` of the images. Default [28, 28, 1], or what the model's own file says. */
  readonly inputShape?: Shape | undefined;
  /** Number of classes, 2 .. 65536; the labels of data sets are bytes, so that 256 can be trained. Default 10 or the model's. */
  readonly classes?: number | undefined;
  /** For the weights of every binary layer; null for real weights. Default "bnn++". */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** For the inputs of every binary layer but a first one; null for real activations. Default "poly". */
  readonly activationQuantizer?: QuantizerChoice | undefined;
}

export interface ModelChoices {
  readonly inputShape: Shape;
  readonly classes: number;
  readonly weightQuantizer: QuantizerChoice;
  readonly activationQuantizer: QuantizerChoice;
}

/** The images and classes that most models are made for: those of MNIST. */
const usual = { inputShape: [28, 28, 1], classes: 10 };

/** Fills in the defaults and refuses unknown keys; throws "argument". The layers check the rest. */
export function modelChoices(
  model: string,
  options: ModelOptions,
  defaults: Pick<ModelChoices, "inputShape" | "classes"> = usual,
): ModelChoices {
  const subject: Subject = { code: "argument", what: `model "${model}"` };
  plainObject(options, ["inputShape", "classes", "weightQuantizer", "activationQuantizer"], subject);
  const { inputShape, classes, weightQuantizer = "bnn++", activationQuantizer = "poly" } = options;
  return {
    inputShape: inputShape ?? defaults.inputShape,
    classes: integerIn(classes ?? defaults.classes, 2, limits.filters, "classes", subject),
    weightQuantizer,
    activationQuantizer,
  };
}

/** Batch norm, and a nonlinearity where the next layer does not take the sign: without one, layers would merge. */
export function normalised(nextTakesSign: boolean): readonly Layer[] {
  return nextTakesSign ? [layers.batchNorm()] : [layers.batchNorm(), layers.relu()];
}
