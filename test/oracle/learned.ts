/** Quantizers whose numbers a layer learns: how they stand in a layer, and the gradients at those numbers. */
import type { GraphNode } from "../../ts/nn/graph.ts";
import { operandsOf } from "../../ts/nn/operands.ts";
import { learnedKey } from "../../ts/nn/ops/quantizer-parameters.ts";
import { elasticFactors } from "../../ts/quantizers/maps/elastic.ts";
import { isLearnedMap, learnedNumbers } from "../../ts/quantizers/operand-kinds.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { constant, evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import { type Margin, note } from "./layers.ts";

interface Given {
  readonly node: GraphNode;
  readonly parameter: (key: string) => Float64Array;
}

/** The quantizer of the operand at a place or a key, with the layer's own numbers in the place of those that it begins with. */
export function quantizerAt({ node, parameter }: Given, at: string | number): Quantizer | null {
  const operand = operandsOf(node).find((own) => own.at === at);
  if (operand === undefined || operand.quantizer === null) return null;
  const { option, quantizer } = operand;
  const numbers = learnedNumbers(quantizer);
  if (numbers.length === 0) return quantizer;
  return { ...quantizer, parameters: numbers.map(({ name }) => constant(parameter(learnedKey(option, name))[0]!)) };
}

const numbersOf = ({ parameters }: Quantizer): readonly [number, number] =>
  parameters.map((schedule) => evaluateSchedule(schedule, 1)) as unknown as readonly [number, number];

/** Notes the distances of `x` to the jump and to the ends of the slope. */
export function noteElastic(margin: Margin, quantizer: Quantizer, x: number): void {
  if (!isLearnedMap(quantizer.forward)) return;
  const [alpha, offset] = numbersOf(quantizer);
  const edges = quantizer.forward === "elasticSign" ? [-alpha, 0, alpha] : [0, alpha / 2, alpha];
  for (const edge of edges) note(margin, x, Math.fround(offset + edge));
}

/** The gradients at the numbers of `quantizer`, of the operand at a place or a key, for those `dy` at its values of `x`. */
export function learnedGradients(
  node: GraphNode,
  at: string | number,
  quantizer: Quantizer | null,
  x: Float64Array,
  dy: Float64Array,
): Readonly<Record<string, Float64Array>> {
  if (quantizer === null || !isLearnedMap(quantizer.forward)) return {};
  const { forward } = quantizer;
  const [alpha, offset] = numbersOf(quantizer);
  const { option } = operandsOf(node).find((own) => own.at === at)!;
  return Object.fromEntries(
    learnedNumbers(quantizer).map(({ name }, i) => {
      const sum = x.reduce((total, value, j) => total + elasticFactors(forward, value, alpha, offset)[i]! * dy[j]!, 0);
      return [learnedKey(option, name), Float64Array.of(sum)];
    }),
  );
}
