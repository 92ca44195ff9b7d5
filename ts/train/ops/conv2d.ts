/** Convolutions in the trainer. */
import { groupsOf } from "../../nn/ops/channel-groups.ts";
import type { TrainOp } from "./op.ts";
import { behindLearned } from "./product/behind-learned.ts";
import { planGroups } from "./product/groups.ts";
import { planProduct } from "./product/product.ts";
import { windowsOf } from "./windows.ts";

export const conv2d: TrainOp<"conv2d"> = {
  plan: (node, context) => {
    const [groups, windows] = [groupsOf(node.attributes), windowsOf(node, context)];
    return behindLearned(node, context, (own, elastic) =>
      groups === 1 ? planProduct(node, windows, own, elastic) : planGroups(node, groups, windows, own),
    );
  },
};
