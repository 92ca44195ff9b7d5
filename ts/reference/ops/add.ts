/** The sum of two tensors, whose gradient goes to both as it is. */
import { layers } from "../../nn/layers.ts";
import { around, binaryConv, USUAL_IMAGE } from "../cases.ts";
import type { Tensor } from "../tensorflow.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const add: ReferenceOp<"add"> = {
  value: ({ tf, inputs: [x, second] }) => tf.add(x, second),
  distance: ({ tf }, value, inputs) => {
    const [first, second] = inputs.map(({ distance }) => distance) as [Tensor, Tensor];
    return tf.add(tf.add(first, second), roundedOnce(tf, value));
  },
  cases: {
    alone: () => [
      around("add behind batchNorm, read twice", USUAL_IMAGE, (x) => {
        const normed = layers.batchNorm({ name: "norm" }).apply(binaryConv(x, "first"));
        const sum = layers.add({ name: "sum" }).apply([normed, x]);
        return layers.add({ name: "last" }).apply([binaryConv(sum, "second"), sum]);
      }),
    ],
  },
};
