/** Dense layers in the trainer. One is a convolution over a single image, as wide as the lane has rows. */
import { rowsOf } from "../../nn/shapes.ts";
import { denseShape } from "../../program/conv-shape.ts";
import type { Lane } from "../plan/context.ts";
import type { TrainOp } from "./op.ts";
import { behindLearned } from "./product/behind-learned.ts";
import { planProduct } from "./product/product.ts";

export const dense: TrainOp<"dense"> = {
  plan: (node, context) => {
    const { rows, channels } = rowsOf(context.shape(node.inputs[0]));
    const shape = (lane: Lane) => denseShape(rows * lane.images, channels, node.attributes.units);
    return behindLearned(node, context, (own, elastic) => planProduct(node, shape, own, elastic));
  },
};
