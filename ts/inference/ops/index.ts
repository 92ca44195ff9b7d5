/** The table of operations as inference runs them. An operation without an entry does not compile. */
import type { GraphNode, NodeOf, OpName } from "../../nn/graph.ts";
import type { AffineNode, ProductNode } from "../../nn/nodes.ts";
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
import type { AffineOp, InferenceOp, OnBits, ProductOp, RowsOp, WholeOp } from "./op.ts";
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

type Entries = typeof inferenceOps;

/** The operations whose entry has all that `Trait` has. */
type OpsWith<Trait> = { [Name in OpName]: Entries[Name] extends Trait ? Name : never }[OpName];

/** A node whose value the caller writes. */
export type GivenNode = NodeOf<OpsWith<{ readonly kind: "given" }>>;

/** A node of one input that does something to each row by itself. */
export type Follower = NodeOf<OpsWith<{ readonly kind: "rows" }>>;
export const isFollower = (node: GraphNode): node is Follower => inferenceOps[node.op].kind === "rows";

/** A node that runs by itself, over whole values. */
export type WholeNode = NodeOf<OpsWith<{ readonly kind: "whole" }>>;
export const isWhole = (node: GraphNode): node is WholeNode => inferenceOps[node.op].kind === "whole";

/** A node that has a form over bits, to stand between a product and the signs of its sums. */
export type BitsNode = NodeOf<OpsWith<{ readonly onBits: unknown }>>;
export const isOnBits = (node: GraphNode): node is BitsNode => "onBits" in inferenceOps[node.op];

/** A node whose value is the sum of its inputs. */
export type SumNode = NodeOf<OpsWith<{ readonly isSum: true }>>;
export const isSum = (node: GraphNode): node is SumNode => "isSum" in inferenceOps[node.op];

// Entries take nodes of their own operation. The types of these functions tie the two together.
export const productOpOf = (node: ProductNode): ProductOp<ProductNode["op"]> => inferenceOps[node.op];
export const rowsOpOf = (node: Follower): RowsOp<Follower["op"]> => inferenceOps[node.op];
export const affineOpOf = (node: AffineNode): AffineOp<AffineNode["op"]> => inferenceOps[node.op];
export const wholeOpOf = (node: WholeNode): WholeOp<WholeNode["op"]> => inferenceOps[node.op];
export const onBitsOpOf = (node: BitsNode): OnBits<BitsNode["op"]> => inferenceOps[node.op];
