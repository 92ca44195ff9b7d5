/** Axes in another order in the trainer. On the way back they go into their old one. */
import { inverseOf, orderOf } from "../../nn/ops/permute.ts";
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const permute: TrainOp<"permute"> = {
  plan: (node, context) => {
    const { dims } = node.attributes;
    const there = orderOf(context.shape(node.inputs[0]), dims);
    const back = orderOf(context.shape(node.name), inverseOf(dims));
    return byLane(node, context, {
      forward: ({ images }, values) => k.permute({ ...values, ...there, images, accumulate: false }),
      backward: ({ images }, { dy, accumulate, dx }) => k.permute({ x: dy, ...back, images, accumulate, y: dx }),
    });
  },
};
