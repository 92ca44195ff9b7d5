/**
 * The network of the Fashion-MNIST recipe, for images of 28 x 28. A real convolution on the pixels and a max-pool come
 * first. Two stages of four binary residual layers (Bi-Real Net, as in `resnet20`) follow, with 64 and 128 filters. The
 * head is real.
 *
 *   28 x 28 x 1 - conv 64 - batch norm - max-pool - 14 x 14 x 64 - 4 binary layers - 7 x 7 x 128 - 4 binary layers
 *   - global average - dense 10
 *
 * It has 677,450 parameters with their running statistics (680,458 with `reactnet`), 663,552 of them 1 bit. An image
 * takes 54 million multiply-accumulates, 98 in 100 between bits. With null for both quantizers it is the same network
 * in float, with a relu before each layer.
 */
import { functional } from "../build.ts";
import type { Graph } from "../graph.ts";
import { input, layers } from "../layers.ts";
import { type ModelOptions, modelChoices, stemQuantizer, usual } from "./options.ts";
import { classifier, residualStages } from "./residual.ts";

/** The graph of the network; `inputShape` is [28, 28, 1] by default. Throws "argument", "unknown-name" or "shape". */
export function fashion(options: ModelOptions = {}): Graph {
  const choices = modelChoices("fashion", options, { ...usual, residual: true });
  const pixels = input({ shape: choices.inputShape });
  const weightQuantizer = stemQuantizer(choices);
  const window = { kernelSize: 3, padding: "same", useBias: false, name: "stem_conv" } as const;
  const sums = layers.conv2d({ filters: 64, weightQuantizer, ...window }).apply(pixels);
  const normed = layers.batchNorm({ name: "stem_norm" }).apply(sums);
  const stem = layers.maxPool2d({ name: "stem_pool" }).apply(normed);
  const stages = residualStages(stem, [64, 128], 4, choices);
  return functional({ inputs: pixels, outputs: classifier(stages, choices), name: "fashion" });
}
