/** Two tensors one behind the other. Nothing is rounded. */
import type { SymbolicTensor } from "../../nn/layer.ts";
import { layers } from "../../nn/layers.ts";
import { around, binaryConv, UNEQUAL_IMAGE } from "../cases.ts";
import type { ReferenceOp } from "./op.ts";

export const concatenate: ReferenceOp<"concatenate"> = {
  value: ({ tf, node, inputs: [x, second] }) => {
    const { axis } = node.attributes;
    return tf.concat([x, second], axis < 0 ? axis + x.rank : axis + 1);
  },
  cases: {
    alone: () => {
      const joined = (name: string, axis: number, x: SymbolicTensor, second: SymbolicTensor): SymbolicTensor =>
        layers.concatenate({ name, axis }).apply([x, second]);
      return [
        around("concatenate along each axis", UNEQUAL_IMAGE, (x) => {
          const channels = joined("channels", -1, x, binaryConv(x, "conv"));
          return joined("columns", 1, joined("rows", 0, channels, channels), joined("tall", -3, channels, channels));
        }),
      ];
    },
  },
};
