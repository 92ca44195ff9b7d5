/**
 * The operands of the hardened network are -1 and +1, which travel as bits, or real numbers. The hardened network is the one
 * that is evaluated, packed and run. While a quantizer is soft, its operand is real in training.
 */

import { elasticValues, endsAsSigns } from "../quantizers/operand-kinds.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { GraphNode } from "./graph.ts";
import { isProduct, type ProductNode } from "./nodes.ts";
import { groupsOf } from "./ops/channel-groups.ts";
import { opOf } from "./ops/index.ts";
import type { Operand } from "./ops/op.ts";

/** ff: real times real. fb: real times +-1, either way round. bb: +-1 times +-1. */
export type Product = "ff" | "fb" | "bb";

/** True where the weights are bits. A scale does not matter: it multiplies the sums. */
export const weightsAreBits = ({ attributes: { weightQuantizer } }: ProductNode): boolean =>
  weightQuantizer !== null && endsAsSigns(weightQuantizer);

/** Groups of channels that a layer multiplies apart; 1 for most. */
export const groupsOfProduct = ({ attributes }: ProductNode): number =>
  "groups" in attributes ? groupsOf(attributes) : 1;

/**
 * The two values of activations that are bits about a place that the layer learns, where its sums have a factor that it learns;
 * null elsewhere. Groups multiply such activations as reals, and so do windows around which ones stand: the factor is not theirs.
 * Bits that stand for 0 and 1 need weights that are signs from the first step on.
 */
export function elasticBits(node: ProductNode): "signs" | "levels" | null {
  const { activationQuantizer, weightQuantizer } = node.attributes;
  const hasOnes = "padValue" in node.attributes && node.attributes.padValue === "one";
  if (activationQuantizer === null || hasOnes || groupsOfProduct(node) > 1) return null;
  const values = elasticValues(activationQuantizer);
  const isAlone = !weightsAreBits(node) || weightQuantizer?.forward !== "sign";
  return values === "levels" && isAlone ? null : values;
}

/** True where the activations are such bits. */
export const activationsAreElastic = (node: ProductNode): boolean => elasticBits(node) !== null;

/** True for another layer than those whose signs of a learned size are bits. */
export const readsElastic = (node: GraphNode): boolean => opOf(node.op).readsElastic?.(node.attributes) ?? false;

/** True where the activations are bits, the signs of the layer's input or of that less a number. */
export const activationsAreBits = (node: ProductNode): boolean => activationsAreElastic(node) || readsSigns(node);

/** True where the activations are the signs of the layer's input. */
export const readsSigns = ({ attributes: { activationQuantizer } }: ProductNode): boolean =>
  activationQuantizer !== null && endsAsSigns(activationQuantizer);

/** True where both are bits, so that sums are whole numbers before a scale. */
export const operandsAreBits = (node: ProductNode): boolean => weightsAreBits(node) && activationsAreBits(node);

/** The operands of `node` that a quantizer may act on; none where it multiplies no matrices. */
export const operandsOf = (node: GraphNode): readonly Operand[] => opOf(node.op).operands?.(node.attributes) ?? [];

/** An operand with the quantizer that acts on it. */
export interface QuantizedOperand extends Operand {
  readonly quantizer: Quantizer;
}

/** The operands of `node` that a quantizer acts on, the weights first. */
export const quantizedOperands = (node: GraphNode): readonly QuantizedOperand[] =>
  operandsOf(node).filter((operand): operand is QuantizedOperand => operand.quantizer !== null);

const products = ["ff", "fb", "bb"] as const;

/** The products that a layer's hardened operands ask for, in the order of its work; none where it multiplies no matrices. */
export function productsOf(node: GraphNode): readonly Product[] {
  const several = opOf(node.op).products?.(node.attributes);
  if (several !== undefined) return several.map((bits) => products[bits]);
  if (isProduct(node)) {
    const bits = [weightsAreBits(node), activationsAreBits(node)].filter(Boolean).length;
    return [products[bits] as Product];
  }
  const operands = operandsOf(node);
  if (operands.length === 0) return [];
  const bits = operands.filter(({ quantizer }) => quantizer !== null && endsAsSigns(quantizer)).length;
  return [products[bits] as Product];
}

/** The product among them with the fewest bits; null for a layer that multiplies no matrices. */
export function productOf(node: GraphNode): Product | null {
  const own = productsOf(node);
  return products.find((product) => own.includes(product)) ?? null;
}
