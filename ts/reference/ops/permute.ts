/** Axes in another order. Nothing is rounded. */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import type { ReferenceOp } from "./op.ts";

export const permute: ReferenceOp<"permute"> = {
  value: ({ tf, node, inputs: [x] }) => tf.transpose(x, [0, ...node.attributes.dims]),
  cases: {
    alone: () =>
      [
        [2, 1, 3],
        [3, 1, 2],
      ].map((dims) =>
        around(`permute to ${dims.join(", ")}`, UNEQUAL_IMAGE, (x) =>
          layers.permute({ dims, name: "permute" }).apply(x),
        ),
      ),
  },
};
