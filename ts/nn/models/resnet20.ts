/**
 * ResNet-20 for images of 32 x 32 (He et al., 2016, section 4.2). Its residual layers are those of Bi-Real Net. A real
 * convolution on the pixels comes first. Three stages of six binary ones follow, with 16, 32 and 64 filters. Each has a
 * shortcut of its own. The head is real.
 *
 * For 32 x 32 x 3 an image takes 41 million multiply-accumulates, 98 in 100 of them between bits.
 */
import { functional } from "../build.ts";
import type { Graph } from "../graph.ts";
import { input, layers } from "../layers.ts";
import { type ModelOptions, modelChoices, stemQuantizer } from "./options.ts";
import { classifier, residualStages } from "./residual.ts";

/** The graph of the network; `inputShape` is [32, 32, 3] by default. Throws "argument", "unknown-name" or "shape". */
export function resnet20(options: ModelOptions = {}): Graph {
  const choices = modelChoices("resnet20", options, { inputShape: [32, 32, 3], classes: 10, residual: true });
  const pixels = input({ shape: choices.inputShape });
  const weightQuantizer = stemQuantizer(choices);
  const window = { kernelSize: 3, padding: "same", useBias: false, name: "stem_conv" } as const;
  const conv = layers.conv2d({ filters: 16, weightQuantizer, ...window });
  const stem = layers.batchNorm({ name: "stem_norm" }).apply(conv.apply(pixels));
  const stages = residualStages(stem, [16, 32, 64], 6, choices);
  return functional({ inputs: pixels, outputs: classifier(stages, choices), name: "resnet20" });
}
