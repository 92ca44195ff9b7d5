/** Zeros around images in the trainer. The way back leaves them out again. */
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const zeroPadding2d: TrainOp<"zeroPadding2d"> = {
  plan: (node, context) => {
    const [height, width, channels] = context.shape(node.inputs[0]) as readonly [number, number, number];
    const [[above, below], [left, right]] = node.attributes.padding;
    const floats = { row: width * channels, before: left * channels, behind: right * channels };
    const sizes = { height, above, below, ...floats };
    return byLane(node, context, {
      forward: ({ images }, values) => k.zeroPaddingForward({ ...values, ...sizes, images }),
      backward: ({ images }, gradients) => k.zeroPaddingBackward({ ...gradients, ...sizes, images }),
    });
  },
};
