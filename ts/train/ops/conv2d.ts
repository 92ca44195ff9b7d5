/** Convolutions in the trainer. */
import type { TrainOp } from "./op.ts";
import { planProduct } from "./product/product.ts";
import { windowsOf } from "./windows.ts";

export const conv2d: TrainOp<"conv2d"> = {
  plan: (node, context) => planProduct(node, windowsOf(node, context), context),
};
