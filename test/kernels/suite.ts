/**
 * The whole suite over one build of the kernels: every exported kernel against its definition. Nothing in here belongs
 * to a test runner, so the same suite runs in Node and in a page; the cases are the same everywhere.
 */
import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import type { Variant } from "../../ts/runtime/variants.ts";
import { accumulatorProperties } from "./accumulate.ts";
import { activationProperties } from "./activations.ts";
import { attentionProperties } from "./attention.ts";
import { attentionBitProperties } from "./attention-bits.ts";
import { attentionGradientProperties } from "./attention-gradients.ts";
import { batchProperties } from "./batches.ts";
import { createBench } from "./bench.ts";
import { binaryProperties } from "./binary.ts";
import { bitProperties } from "./bits.ts";
import { branchProperties } from "./branches.ts";
import { concatenateProperties } from "./concatenate.ts";
import { convolutionProperties } from "./convolution.ts";
import { crossEntropyProperties } from "./cross-entropy.ts";
import { depthwiseProperties } from "./depthwise.ts";
import { distributionProperties } from "./distributions.ts";
import { dropoutProperties } from "./dropout.ts";
import { eluProperties } from "./elu.ts";
import { filterMapProperties } from "./filter-map.ts";
import { layerNormProperties } from "./layer-norm.ts";
import { leakyReluProperties } from "./leaky-relu.ts";
import { lossProperties } from "./losses.ts";
import { methodProperties } from "./methods.ts";
import { multiplyProperties } from "./multiply.ts";
import { normProperties } from "./norms.ts";
import { permuteProperties } from "./permute.ts";
import { poolProperties } from "./pools.ts";
import type { PropertyResult } from "./property.ts";
import { quantizerProperties } from "./quantizers.ts";
import { signSliceProperties } from "./sign-slices.ts";
import { softmaxProperties } from "./softmax.ts";
import { sumProperties } from "./sums.ts";
import { upSamplingProperties } from "./up-sampling.ts";
import { updateProperties } from "./updates.ts";
import { weightProperties } from "./weights.ts";
import { zeroPaddingProperties } from "./zero-padding.ts";

const properties = [
  ...bitProperties,
  ...binaryProperties,
  ...accumulatorProperties,
  ...convolutionProperties,
  ...depthwiseProperties,
  ...quantizerProperties,
  ...activationProperties,
  ...batchProperties,
  ...sumProperties,
  ...normProperties,
  ...poolProperties,
  ...crossEntropyProperties,
  ...updateProperties,
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
