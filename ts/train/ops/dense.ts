/** Dense layers in the trainer. One is a convolution over a single image, as wide as the lane has rows. */
import { rowsOf } from "../../nn/shapes.ts";
import { denseShape } from "../../program/conv-shape.ts";
import type { TrainOp } from "./op.ts";
import { planProduct } from "./product/product.ts";

export const dense: TrainOp<"dense"> = {
  plan: (node, context) => {
    const { rows, channels } = rowsOf(context.shape(node.inputs[0]));
    return planProduct(node, (lane) => denseShape(rows * lane.images, channels, node.attributes.units), context);
  },
};
