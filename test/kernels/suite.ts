/**
 * The whole suite over one build of the kernels: every exported kernel against its definition. Nothing in here belongs
 * to a test runner, so the same suite runs in Node and in a page; the cases are the same everywhere.
 */
import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import type { Variant } from "../../ts/runtime/variants.ts";
import { accumulatorProperties } from "./accumulate.ts";
import { attentionProperties } from "./attention.ts";
import { attentionBitProperties } from "./attention-bits.ts";
import { attentionGradientProperties } from "./attention-gradients.ts";
import { createBench } from "./bench.ts";
import { binaryProperties } from "./binary.ts";
import { bitProperties } from "./bits.ts";
import { branchProperties } from "./branches.ts";
import { concatenateProperties } from "./concatenate.ts";
import { convolutionProperties } from "./convolution.ts";
import { depthwiseProperties } from "./depthwise.ts";
import { distributionProperties } from "./distributions.ts";
import { dropoutProperties } from "./dropout.ts";
import { elementwiseProperties } from "./elementwise.ts";
import { eluProperties } from "./elu.ts";
import { filterMapProperties } from "./filter-map.ts";
import { layerNormProperties } from "./layer-norm.ts";
import { leakyReluProperties } from "./leaky-relu.ts";
import { lossProperties } from "./losses.ts";
import { methodProperties } from "./methods.ts";
import { multiplyProperties } from "./multiply.ts";
import { permuteProperties } from "./permute.ts";
import type { PropertyResult } from "./property.ts";
import { signSliceProperties } from "./sign-slices.ts";
import { softmaxProperties } from "./softmax.ts";
import { trainingProperties } from "./training.ts";
import { upSamplingProperties } from "./up-sampling.ts";
import { weightProperties } from "./weights.ts";
import { zeroPaddingProperties } from "./zero-padding.ts";

const properties = [
  ...bitProperties,
  ...binaryProperties,
  ...accumulatorProperties,
  ...convolutionProperties,
  ...depthwiseProperties,
  ...elementwiseProperties,
  ...trainingProperties,
  ...lossProperties,
  ...distributionProperties,
  ...weightProperties,
  ...layerNormProperties,
  ...softmaxProperties,
  ...leakyReluProperties,
  ...eluProperties,
  ...concatenateProperties,
  ...multiplyProperties,
  ...permuteProperties,
  ...upSamplingProperties,
  ...zeroPaddingProperties,
  ...dropoutProperties,
  ...branchProperties,
  ...attentionProperties,
  ...attentionBitProperties,
  ...attentionGradientProperties,
  ...signSliceProperties,
  ...methodProperties,
  ...filterMapProperties,
];

/** Runs every property on a fresh instance of `variant`. */
export async function runKernelSuite(variant: Variant): Promise<PropertyResult[]> {
  const bench = createBench(instantiate(await loadModule(variant)));
  return properties.map((one) => one.run(bench));
}
