/** x where x > 0, a given share of it elsewhere. */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { UNIT } from "../rounding.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const leakyRelu: ReferenceOp<"leakyRelu"> = {
  value: ({ tf, node, inputs: [x] }) => tf.leakyRelu(x, node.attributes.negativeSlope),
  // Both sides round the product, and tfjs in JavaScript takes a slope as it is, where ours is rounded.
  distance: ({ tf }, value) => tf.mul(tf.abs(value), 3 * UNIT),
  gradientDistance: ({ tf }, { gradient }) => roundedOnce(tf, gradient),
  cases: { alone: () => [around("leakyRelu", USUAL_IMAGE, (x) => layers.leakyRelu({ name: "leaky" }).apply(x))] },
};
