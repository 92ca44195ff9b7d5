/** The forms of a product in inference, by its hardened operands and by how it adds up. */
import type { GraphNode } from "../nn/graph.ts";
import { isProduct, type KernelNode, type ProductNode } from "../nn/nodes.ts";
import { activationsAreBits, activationsAreElastic, groupsOfProduct, operandsAreBits } from "../nn/operands.ts";

/**
 * - `exact`: both operands +-1, so that sums are whole numbers.
 * - `accumulated`: both operands +-1, and sums in 8 bits.
 * - `mixed`: +-1 activations with real weights. In both, activations may be +-a with a number a, which scales the sums.
 * - `real`: real activations. Weights of +-1 have a kernel of their own for most windows (`product/signs.ts`).
 */
export type Form = "exact" | "accumulated" | "mixed" | "real";

export function formOf(node: ProductNode): Form {
  if (operandsAreBits(node)) return node.attributes.accumulator === null ? "exact" : "accumulated";
  return activationsAreBits(node) ? "mixed" : "real";
}

/** True where the file has a scale of each filter's sums. AdaBin's belongs to the weights. */
export const weightsHaveScale = ({ attributes: { weightQuantizer } }: KernelNode): boolean =>
  weightQuantizer !== null && weightQuantizer.scale !== "none";

/** True where the layer multiplies its sums by a number of each filter: that scale, the alpha of its activations, or both. */
export const hasScale = (node: KernelNode): boolean =>
  weightsHaveScale(node) || (isProduct(node) && activationsAreElastic(node));

/** True where whole numbers leave the layer by one kernel, perhaps times a scale of each filter. */
export const hasIntegerSums = (node: GraphNode): node is ProductNode =>
  isProduct(node) && formOf(node) === "exact" && groupsOfProduct(node) === 1 && !node.attributes.useBias;
