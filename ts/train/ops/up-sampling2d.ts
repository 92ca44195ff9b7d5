/** Images made larger in the trainer. The gradient at a pixel is the sum over its copies, or over what it has a share in. */
import { k } from "../../program/call.ts";
import { byLane } from "./by-lane.ts";
import type { TrainOp } from "./op.ts";

export const upSampling2d: TrainOp<"upSampling2d"> = {
  plan: (node, context) => {
    const [height, width, channels] = context.shape(node.inputs[0]) as readonly [number, number, number];
    const { size, interpolation } = node.attributes;
    const [down, right] = size;
    const sizes = { width, channels, down, right };
    if (interpolation === "bilinear") {
      return byLane(node, context, {
        forward: ({ images }, values) => {
          const rows = { first: 0, count: images * height * down };
          return k.bilinearForward({ ...values, ...sizes, ...rows, images, height });
        },
        backward: ({ images }, gradients) => k.bilinearBackward({ ...gradients, ...sizes, images, height }),
      });
    }
    return byLane(node, context, {
      forward: ({ images }, values) => k.upSamplingForward({ ...values, ...sizes, rows: images * height }),
      backward: ({ images }, gradients) => k.upSamplingBackward({ ...gradients, ...sizes, rows: images * height }),
    });
  },
};
