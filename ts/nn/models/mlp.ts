/**
 * A multilayer perceptron with two hidden layers of 512. The first multiplies the real pixels by its weights. Signs of
 * the pixels would lose most of the image. The second takes the signs of the first; the head is a float layer. The
 * first layer's weights are most of the network. So they are binary by default, unlike in the other models. For 28 x 28
 * images 663,552 of 672,778 parameters take 1 bit.
 */
import { sequential } from "../build.ts";
import type { Graph } from "../graph.ts";
import { layers } from "../layers.ts";
import {
  head,
  headTakesSign,
  type ModelOptions,
  middleOperands,
  modelChoices,
  normalised,
  stemQuantizer,
  usual,
} from "./options.ts";

/** The graph of the perceptron. Throws "argument", "unknown-name" or "shape" for options that do not fit. */
export function mlp(options: ModelOptions = {}): Graph {
  const choices = modelChoices("mlp", options, { ...usual, binaryStem: true });
  const takesSign = choices.activationQuantizer !== null;
  return sequential({ inputShape: choices.inputShape, name: "mlp" }, [
    layers.flatten(),
    layers.binaryDense({ units: 512, weightQuantizer: stemQuantizer(choices), activationQuantizer: null }),
    ...normalised(takesSign),
    layers.binaryDense({ units: 512, ...middleOperands(choices) }),
    ...normalised(headTakesSign(choices)),
    ...head(choices),
  ]);
}
