/** The same numbers under another shape. */
import { layers } from "../../nn/layers.ts";
import { outputShape } from "../../nn/nodes.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import type { ReferenceOp } from "./op.ts";

export const reshape: ReferenceOp<"reshape"> = {
  value: ({ tf, node, inputs: [x], site }) =>
    tf.reshape(x, [x.shape[0] as number, ...outputShape(node, [site.inputShape])]),
  cases: {
    alone: () => [
      around("reshape before a convolution", UNEQUAL_IMAGE, (x) => {
        const image = layers.reshape({ targetShape: [-1, 5, 2], name: "reshape" }).apply(x);
        return layers.conv2d({ filters: 3, kernelSize: 2, name: "conv" }).apply(image);
      }),
    ],
  },
};
