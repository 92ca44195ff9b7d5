/** Max-pooling in the trainer. The place of the first maximum in each window is kept for the way back. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";
import { planWindows } from "./windows.ts";

export const maxPool2d: TrainOp<"maxPool2d"> = {
  plan: (node, context) => {
    const size = elementsOf(context.shape(node.name));
    const shape = planWindows(node, context);
    const argmax = context.memory.declare((lane) => lane.images * size);
    return byLane(node, context, {
      forward: (lane, values) => k.maxPool({ shape: shape(lane), ...values, argmax: argmax(lane) }),
      backward: (lane, gradients) => k.maxPoolBackward({ shape: shape(lane), ...gradients, argmax: argmax(lane) }),
    });
  },
};
