/** A function of each number by itself, in the trainer: a forward map, and its slope on the way back. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { type ElementwiseFunction, mapArguments } from "../../quantizers/functions.ts";
import type { LayerPlan, PlanContext } from "../plan/context.ts";
import { byLane, type OneInput } from "./by-lane.ts";

export function elementwise(given: ElementwiseFunction, node: OneInput, context: PlanContext): LayerPlan {
  const { forward, backward } = mapArguments(given, context.memory.constant);
  const size = elementsOf(context.shape(node.name));
  return byLane(node, context, {
    forward: (lane, values) => k.quantizeForward({ ...forward, ...values, count: size * lane.images }),
    backward: (lane, gradients) => {
      const x = context.value(node.inputs[0], lane);
      return k.quantizeBackward({ ...backward, x, ...gradients, count: size * lane.images });
    },
  });
}
