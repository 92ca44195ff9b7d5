/**
 * Bi-Real ResNet-18 for images of 224 x 224 (Liu et al., 2018). A real 7x7 convolution and a 3x3 max-pool, both with
 * strides of 2, come first. Four stages of four binary convolutions follow, with 64, 128, 256 and 512 filters. Each
 * binary convolution has a shortcut of its own. The head is real.
 *
 * For 224 x 224 x 3 and 1000 classes the network has 11.7 million parameters. An image takes 1.8 billion
 * multiply-accumulates, 92 in 100 of them between bits.
 */
import { functional } from "../build.ts";
import type { Graph } from "../graph.ts";
import { input, layers } from "../layers.ts";
import { type ModelOptions, modelChoices, stemQuantizer } from "./options.ts";
import { classifier, residualStages } from "./residual.ts";

/**
 * The graph of the network; by default `inputShape` is [224, 224, 3] and `classes` 1000. Throws "argument",
 * "unknown-name" or "shape".
 */
export function birealnet18(options: ModelOptions = {}): Graph {
  const choices = modelChoices("birealnet18", options, { inputShape: [224, 224, 3], classes: 1000, residual: true });
  const pixels = input({ shape: choices.inputShape });
  const conv = { filters: 64, kernelSize: 7, strides: 2, padding: "same", useBias: false, name: "stem_conv" } as const;
  const sums = layers.conv2d({ ...conv, weightQuantizer: stemQuantizer(choices) }).apply(pixels);
  const normed = layers.batchNorm({ name: "stem_norm" }).apply(sums);
  const stem = layers.maxPool2d({ poolSize: 3, strides: 2, padding: "same", name: "stem_pool" }).apply(normed);
  const stages = residualStages(stem, [64, 128, 256, 512], 4, choices);
  return functional({ inputs: pixels, outputs: classifier(stages, choices), name: "birealnet18" });
}
