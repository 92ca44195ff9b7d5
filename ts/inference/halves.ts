/**
 * Inference comes in two halves. The first runs most convolutional networks, over the small core. A network that has more in
 * it brings the second half, and runs over the core with all kernels.
 */
import { later } from "../base/later.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { isProduct } from "../nn/nodes.ts";
import { firstOps } from "./ops/index.ts";
import { isFirstForm } from "./product/index.ts";

/** The functions whose maps the small core has. */
const FIRST_FUNCTIONS: readonly string[] = ["relu", "relu6", "hardTanh"];

function isFirst(node: GraphNode): boolean {
  if (isProduct(node)) return isFirstForm(node);
  return node.op === "activation" ? FIRST_FUNCTIONS.includes(node.attributes.activation) : node.op in firstOps;
}

/** True where the first half runs the whole network. */
export const isOfFirstHalf = ({ nodes }: Graph): boolean => nodes.every(isFirst);

/**
 * Brings all that compiling `graph` takes.
 *
 * @throws ProxbitError "environment" where the file of the second half cannot be had.
 */
export async function bringHalves(graph: Graph): Promise<void> {
  if (isOfFirstHalf(graph)) return;
  const { takeOtherHalf } = await later(async () => await import("./other-half.ts"));
  takeOtherHalf();
}
