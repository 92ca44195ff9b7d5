/** Leaky ReLU in the trainer. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const leakyRelu: TrainOp<"leakyRelu"> = {
  plan: (node, context) => {
    const slope = node.attributes.negativeSlope;
    const size = elementsOf(context.shape(node.name));
    return byLane(node, context, {
      forward: ({ images }, values) => k.leakyReluForward({ ...values, slope, count: size * images }),
      backward: (lane, gradients) => {
        const x = context.value(node.inputs[0], lane);
        return k.leakyReluBackward({ x, ...gradients, slope, count: size * lane.images });
      },
    });
  },
};
