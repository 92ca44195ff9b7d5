/** Zeros around images. Nothing is rounded. */
import { layers } from "../../nn/layers.ts";
import { around, binaryConv, UNEQUAL_IMAGE } from "../cases.ts";
import type { ReferenceOp } from "./op.ts";

export const zeroPadding2d: ReferenceOp<"zeroPadding2d"> = {
  value: ({ tf, node, inputs: [x] }) => {
    const [rows, columns] = node.attributes.padding;
    return tf.pad(x, [[0, 0], [...rows], [...columns], [0, 0]]);
  },
  cases: {
    alone: () => [
      around("zeroPadding2d before a product", UNEQUAL_IMAGE, (x) => {
        const wide = [
          [1, 2],
          [0, 3],
        ] as const;
        const padded = layers.zeroPadding2d({ padding: wide, name: "padded" }).apply(x);
        return layers.zeroPadding2d({ name: "last" }).apply(binaryConv(padded, "conv"));
      }),
    ],
  },
};
