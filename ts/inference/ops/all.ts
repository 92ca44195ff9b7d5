/**
 * The table of all operations as inference runs them. An operation without an entry does not compile. Pages load this module
 * for networks with an operation that is not among the first (`index.ts`).
 */
import type { OpName } from "../../nn/graph.ts";
import { activation } from "./activation.ts";
import { adaptiveSign } from "./adaptive-sign.ts";
import { add } from "./add.ts";
import { attention } from "./attention.ts";
import { avgPool2d } from "./avg-pool2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { classToken } from "./class-token.ts";
import { concatenate } from "./concatenate.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import { dropPath } from "./drop-path.ts";
import { dropout } from "./dropout.ts";
import { elu } from "./elu.ts";
import { flatten } from "./flatten.ts";
import { globalAvgPool1d } from "./global-avg-pool1d.ts";
import { globalAvgPool2d } from "./global-avg-pool2d.ts";
import { input } from "./input.ts";
import { layerNorm } from "./layer-norm.ts";
import { layerScale } from "./layer-scale.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { matmul } from "./matmul.ts";
import { maxPool2d } from "./max-pool2d.ts";
import { multiply } from "./multiply.ts";
import type { InferenceOp } from "./op.ts";
import { permute } from "./permute.ts";
import { positionEmbedding } from "./position-embedding.ts";
import { prelu } from "./prelu.ts";
import { reshape } from "./reshape.ts";
import { shift } from "./shift.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { unitDeviation } from "./unit-deviation.ts";
import { upSampling2d } from "./up-sampling2d.ts";
import { zeroPadding2d } from "./zero-padding2d.ts";

export const inferenceOps = Object.freeze({
  input,
  conv2d,
  depthwiseConv2d,
  dense,
  batchNorm,
  layerNorm,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d,
  activation,
  leakyRelu,
  elu,
  shift,
  prelu,
  adaptiveSign,
  softmax,
  flatten,
  add,
  concatenate,
  multiply,
  matmul,
  attention,
  reshape,
  permute,
  upSampling2d,
  zeroPadding2d,
  dropout,
  layerScale,
  dropPath,
  positionEmbedding,
  classToken,
  slice,
  globalAvgPool1d,
  unitDeviation,
}) satisfies { readonly [Name in OpName]: InferenceOp<Name> };
