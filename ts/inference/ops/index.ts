/**
 * The operations that inference knows. It begins with those of most convolutional networks. A network with others brings all
 * of them first, so that a page downloads them only then.
 */
import type { GraphNode, NodeOf, OpName } from "../../nn/graph.ts";
import type { AffineNode, ProductNode } from "../../nn/nodes.ts";
import { activation } from "./activation.ts";
import { adaptiveSign } from "./adaptive-sign.ts";
import { add } from "./add.ts";
import type { inferenceOps } from "./all.ts";
import { avgPool2d } from "./avg-pool2d.ts";
import { batchNorm } from "./batch-norm.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { dropPath } from "./drop-path.ts";
import { dropout } from "./dropout.ts";
import { flatten } from "./flatten.ts";
import { globalAvgPool2d } from "./global-avg-pool2d.ts";
import { input } from "./input.ts";
import { maxPool2d } from "./max-pool2d.ts";
import type { AffineOp, OnBits, ProductOp, RowsOp, WholeOp } from "./op.ts";
import { prelu } from "./prelu.ts";
import { shift } from "./shift.ts";

type Entries = typeof inferenceOps;

/** The operations whose entries every page loads. Their kernels are those of the small core. */
export const firstOps = {
  ...{ input, conv2d, dense, batchNorm, maxPool2d, avgPool2d, globalAvgPool2d, flatten, add },
  ...{ activation, shift, prelu, adaptiveSign, dropout, dropPath },
} satisfies Partial<Entries>;

const known: { -readonly [Name in OpName]?: Entries[Name] } = { ...firstOps };

/** Takes in the entries of all operations. */
export function takeOps(all: Entries): void {
  Object.assign(known, all);
}

/** The entry of an operation, which is one of the first, or whose graph has brought all of them. */
function entryOf<Name extends OpName>(name: Name): Entries[Name] {
  const entry = known[name];
  if (entry === undefined) throw new Error(`the operation ${name} was not brought`);
  return entry as Entries[Name];
}

/** The operations whose entry has all that `Trait` has. */
type OpsWith<Trait> = { [Name in OpName]: Entries[Name] extends Trait ? Name : never }[OpName];

/** A node whose value the caller writes. */
export type GivenNode = NodeOf<OpsWith<{ readonly kind: "given" }>>;

/** A node of one input that does something to each row by itself. */
export type Follower = NodeOf<OpsWith<{ readonly kind: "rows" }>>;
export const isFollower = (node: GraphNode): node is Follower => entryOf(node.op).kind === "rows";

/** A node that runs by itself, over whole values. */
export type WholeNode = NodeOf<OpsWith<{ readonly kind: "whole" }>>;
export const isWhole = (node: GraphNode): node is WholeNode => entryOf(node.op).kind === "whole";

/** A node that has a form over bits, to stand between a product and the signs of its sums. */
export type BitsNode = NodeOf<OpsWith<{ readonly onBits: unknown }>>;
export const isOnBits = (node: GraphNode): node is BitsNode => "onBits" in entryOf(node.op);

/** A node whose value is the sum of its inputs. */
export type SumNode = NodeOf<OpsWith<{ readonly isSum: true }>>;
export const isSum = (node: GraphNode): node is SumNode => "isSum" in entryOf(node.op);

// Entries take nodes of their own operation. The types of these functions tie the two together.
export const productOpOf = (node: ProductNode): ProductOp<ProductNode["op"]> => entryOf(node.op);
export const rowsOpOf = (node: Follower): RowsOp<Follower["op"]> => entryOf(node.op);
export const affineOpOf = (node: AffineNode): AffineOp<AffineNode["op"]> => entryOf(node.op);
export const wholeOpOf = (node: WholeNode): WholeOp<WholeNode["op"]> => entryOf(node.op);
export const onBitsOpOf = (node: BitsNode): OnBits<BitsNode["op"]> => entryOf(node.op);
