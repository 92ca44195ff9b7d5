/**
 * A network for comparisons, which take dozens of runs. It trains in about a minute on one core. It has a float
 * convolution on the pixels, two binary ones, and a float head. Blocks are convolution, max pool, batch norm, as in
 * `cnn`.
 *
 *   28 x 28 x 1 - conv 16 - pool - 14 x 14 x 16 - binary conv 32 - pool - 7 x 7 x 32
 *   - binary conv 64, strides 2 - 4 x 4 x 64 - relu - dense 10
 *
 * It has 33,882 parameters. One image costs 1.3 million multiply-accumulates, 91 in 100 of them in the binary
 * convolutions.
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
export function small(options: ModelOptions = {}): Graph {
  const choices = modelChoices("small", options);
  const operands = middleOperands(choices);
  const weightQuantizer = stemQuantizer(choices);
  const takesSign = choices.activationQuantizer !== null;
  return sequential({ inputShape: choices.inputShape, name: "small" }, [
    layers.conv2d({ filters: 16, kernelSize: 3, padding: "same", useBias: false, weightQuantizer }),
    layers.maxPool2d(),
    ...normalised(takesSign),
    layers.binaryConv2d({ filters: 32, kernelSize: 3, ...operands }),
    layers.maxPool2d(),
    ...normalised(takesSign),
    layers.binaryConv2d({ filters: 64, kernelSize: 3, strides: 2, ...operands }),
    ...normalised(headTakesSign(choices)),
    layers.flatten(),
    ...head(choices),
  ]);
}
