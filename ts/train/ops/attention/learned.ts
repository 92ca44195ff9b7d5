/** The number that an attention matrix learns for each head. Every lane leaves its share of the gradient. */
import type { NodeOf } from "../../../nn/graph.ts";
import { parameterName } from "../../../nn/network.ts";
import { learnedOfMatrix } from "../../../nn/ops/attention.ts";
import { at, type Place } from "../../../program/place.ts";
import type { GradientSource, Lane, PlanContext } from "../../plan/context.ts";

export interface Learned {
  readonly place: Place;
  /** False for a frozen layer. */
  readonly isTrained: boolean;
  /** The lane's share of the gradient. */
  readonly share: (lane: Lane) => Place;
  readonly gradient: GradientSource;
}

/** Plans the number of `node`; null for a matrix that learns none. */
export function planLearned(node: NodeOf<"attention">, { parameters, memory, lanes }: PlanContext): Learned | null {
  const { heads, matrix } = node.attributes;
  const key = learnedOfMatrix(matrix);
  if (key === null) return null;
  const address = memory.allocate(4 * heads * lanes.length);
  return {
    place: parameters.of(node, key),
    isTrained: parameters.isTrained(node, key),
    share: (lane) => at(address, 4 * heads * lane.index),
    gradient: {
      parameter: parameterName(node, key),
      gradient: memory.allocate(4 * heads),
      partials: { address, stride: heads },
    },
  };
}
