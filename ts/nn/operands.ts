/**
 * What the operands of the hardened network are: -1 and +1, which travel as bits, or real numbers. It is the network that
 * is evaluated, packed and run; while a quantizer is soft its operand is real in training.
 */
import { endsAsSigns } from "../quantizers/weights.ts";
import type { GraphNode, NodeOf } from "./graph.ts";

/** A node that multiplies matrices: its operands are a kernel and what comes in. */
export type ProductNode = NodeOf<"conv2d" | "dense">;

export const isProduct = (node: GraphNode): node is ProductNode => node.op === "conv2d" || node.op === "dense";

/** Whether the weights are bits. A scale does not matter: it multiplies the sums. */
export const weightsAreBits = ({ attributes: { weightQuantizer } }: ProductNode): boolean =>
  weightQuantizer !== null && endsAsSigns(weightQuantizer);

/** Whether the activations are bits. */
export const activationsAreBits = ({ attributes: { activationQuantizer } }: ProductNode): boolean =>
  activationQuantizer !== null && endsAsSigns(activationQuantizer);

/** Whether both are: sums are whole numbers, before a scale. */
export const operandsAreBits = (node: ProductNode): boolean => weightsAreBits(node) && activationsAreBits(node);
