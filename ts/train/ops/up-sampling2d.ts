/** Pixels several times in the trainer. The gradient at a pixel is the sum over its copies. */
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const upSampling2d: TrainOp<"upSampling2d"> = {
  plan: (node, context) => {
    const [height, width, channels] = context.shape(node.inputs[0]) as readonly [number, number, number];
    const [down, right] = node.attributes.size;
    const sizes = { width, channels, down, right };
    return byLane(node, context, {
      forward: ({ images }, values) => k.upSamplingForward({ ...values, ...sizes, rows: images * height }),
      backward: ({ images }, gradients) => k.upSamplingBackward({ ...gradients, ...sizes, rows: images * height }),
    });
  },
};
