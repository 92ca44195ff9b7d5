/** An elementwise function. It rounds nothing, and so does its gradient. */
import type { ActivationName } from "../../nn/graph.ts";
import { layers } from "../../nn/layers.ts";
import { around } from "../cases.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import type { ReferenceOp } from "./op.ts";

const functions: Readonly<Record<ActivationName, (tf: TensorFlow, x: Tensor) => Tensor>> = {
  relu: (tf, x) => tf.relu(x),
  hardTanh: (tf, x) => tf.clipByValue(x, -1, 1),
};

export const activation: ReferenceOp<"activation"> = {
  value: ({ tf, node, inputs: [x] }) => functions[node.attributes.activation](tf, x),
  cases: {
    alone: () => [
      around("relu", [5, 5, 5], (x) => layers.relu({ name: "relu" }).apply(x)),
      around("hardTanh", [5, 5, 5], (x) => layers.hardTanh({ name: "hardTanh" }).apply(x)),
    ],
  },
};
