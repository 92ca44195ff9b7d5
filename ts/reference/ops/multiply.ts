/** The product of two tensors, element by element. */
import { layers } from "../../nn/layers.ts";
import { around, binaryConv, USUAL_IMAGE } from "../cases.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const multiply: ReferenceOp<"multiply"> = {
  value: ({ tf, inputs: [x, second] }) => tf.mul(x, second),
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { gradient }) => roundedOnce(tf, gradient),
  cases: {
    alone: () => [
      around("multiply by a branch, and by itself", USUAL_IMAGE, (x) => {
        const gated = layers.multiply({ name: "gate" }).apply([binaryConv(x, "conv"), x]);
        return layers.multiply({ name: "square" }).apply([gated, gated]);
      }),
    ],
  },
};
