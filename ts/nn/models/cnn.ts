/**
 * A small convolutional network for images of about 28 x 28. A float convolution reads the pixels. Two binary
 * convolutions, a binary hidden layer and a float head on its real values follow. Each block is convolution, max pool,
 * batch norm, in this order. Inference can then turn batch norm and the next sign into one threshold on whole numbers.
 *
 *   28 x 28 x 1 - conv 32 - pool - 14 x 14 x 32 - binary conv 64 - pool - 7 x 7 x 64 - binary conv 128 - pool ("same")
 *   - 4 x 4 x 128 - binary dense 256 - relu - dense 10
 *
 * One image costs about 8 million multiply-accumulates, 97 in 100 of them between bits. The float layers at both ends
 * are small on purpose: they are an eighth of the packed file.
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
} from "./options.ts";

/** The graph of the network. Throws "argument", "unknown-name" or "shape" for options that do not fit. */
export function cnn(options: ModelOptions = {}): Graph {
  const choices = modelChoices("cnn", options);
  const { inputShape, activationQuantizer } = choices;
  const operands = middleOperands(choices);
  const weightQuantizer = stemQuantizer(choices);
  const takesSign = activationQuantizer !== null;
  return sequential({ inputShape, name: "cnn" }, [
    layers.conv2d({ filters: 32, kernelSize: 3, padding: "same", useBias: false, weightQuantizer }),
    layers.maxPool2d(),
    ...normalised(takesSign),
    layers.binaryConv2d({ filters: 64, kernelSize: 3, ...operands }),
    layers.maxPool2d(),
    ...normalised(takesSign),
    layers.binaryConv2d({ filters: 128, kernelSize: 3, ...operands }),
    layers.maxPool2d({ padding: "same" }),
    ...normalised(takesSign),
    layers.flatten(),
    layers.binaryDense({ units: 256, ...operands }),
    ...normalised(headTakesSign(choices)),
    ...head(choices),
  ]);
}
