/** Convolutions in the trainer. */
import { groupsOf } from "../../nn/ops/channel-groups.ts";
import type { TrainOp } from "./op.ts";
import { planGroups } from "./product/groups.ts";
import { planProduct } from "./product/product.ts";
import { windowsOf } from "./windows.ts";

export const conv2d: TrainOp<"conv2d"> = {
  plan: (node, context) => {
    const [groups, windows] = [groupsOf(node.attributes), windowsOf(node, context)];
    return groups === 1 ? planProduct(node, windows, context) : planGroups(node, groups, windows, context);
  },
};
