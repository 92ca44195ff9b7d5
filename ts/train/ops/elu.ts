/** The exponential linear unit in the trainer. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const elu: TrainOp<"elu"> = {
  plan: (node, context) => {
    const { alpha } = node.attributes;
    const size = elementsOf(context.shape(node.name));
    return byLane(node, context, {
      forward: ({ images }, values) => k.eluForward({ ...values, alpha, count: size * images }),
      backward: (lane, gradients) => {
        const x = context.value(node.inputs[0], lane);
        return k.eluBackward({ x, ...gradients, alpha, count: size * lane.images });
      },
    });
  },
};
