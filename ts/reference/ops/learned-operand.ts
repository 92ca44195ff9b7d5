/** Operands behind quantizers whose numbers a layer learns: their maps at a moment, and the distances of the gradients there. */
import type { GraphNode } from "../../nn/graph.ts";
import { operandsOf, type QuantizedOperand, quantizedOperands } from "../../nn/operands.ts";
import { learnedKey } from "../../nn/ops/quantizer-parameters.ts";
import { learnedNumbers } from "../../quantizers/operand-kinds.ts";
import { elasticFactors } from "../maps/elastic.ts";
import { momentOf, type Near, type QuantizerMoment } from "../maps.ts";
import { FEW, sumDistance } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { Site } from "./op.ts";

const keysOf = ({ option, quantizer }: QuantizedOperand): readonly string[] =>
  learnedNumbers(quantizer).map(({ name }) => learnedKey(option, name));

/** The quantizer of the operand at a key or a place, at the moment of the pass; null for an operand that stays real. */
export function momentAt(
  node: GraphNode,
  at: string | number,
  { pass, parameter }: Pick<Site, "pass" | "parameter">,
): QuantizerMoment | null {
  const operand = quantizedOperands(node).find((own) => own.at === at);
  if (operand === undefined) return null;
  const moment = momentOf(operand.quantizer, pass.progress, pass.kind === "evaluate");
  return { ...moment, learned: keysOf(operand).map(parameter) };
}

/** The same for every operand, in their order. */
export const momentsAt = (
  node: GraphNode,
  site: Pick<Site, "pass" | "parameter">,
): readonly (QuantizerMoment | null)[] => operandsOf(node).map(({ at }) => momentAt(node, at, site));

/** A number that a node learns for an operand: where that stands, and the number's place among those of its quantizer. */
export interface LearnedPlace {
  readonly at: string | number;
  readonly number: 0 | 1;
}

/** The operand that the parameter `key` of `node` is learned for; null for one of the node's own. */
export function learnedPlace(node: GraphNode, key: string): LearnedPlace | null {
  for (const operand of quantizedOperands(node)) {
    const number = keysOf(operand).indexOf(key);
    if (number >= 0) return { at: operand.at, number: number as 0 | 1 };
  }
  return null;
}

/** The distance of the gradient at such a number, for `gradient` at the quantized values of `x`. */
export function learnedDistance(
  tf: TensorFlow,
  moment: QuantizerMoment,
  number: 0 | 1,
  x: Tensor,
  gradient: Near,
): Tensor {
  const factor = elasticFactors(tf, moment.forward, x, moment.learned ?? [])[number];
  const size = tf.abs(gradient.value);
  const off = tf.add(tf.mul(tf.abs(factor.value), gradient.distance), tf.mul(size, factor.distance));
  const rounded = tf.mul(tf.mul(size, tf.abs(factor.value)), sumDistance(x.size) + FEW);
  return tf.reshape(tf.sum(tf.add(off, rounded)), [1]);
}
