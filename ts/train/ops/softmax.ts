/** Softmax over rows in the trainer. The way back reads the layer's value. */
import { rowsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const softmax: TrainOp<"softmax"> = {
  plan: (node, context) => {
    const { rows, channels } = rowsOf(context.shape(node.name));
    return byLane(node, context, {
      forward: ({ images }, values) => k.softmaxForward({ ...values, rows: rows * images, channels }),
      backward: (lane, gradients) => {
        const y = context.value(node.name, lane);
        return k.softmaxBackward({ y, ...gradients, rows: rows * lane.images, channels });
      },
    });
  },
};
