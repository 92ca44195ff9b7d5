/** x where x >= 0, alpha x elsewhere, channel by channel. */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { channelDistance, roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const prelu: ReferenceOp<"prelu"> = {
  // tf.prelu gives the slope to the gradient at 0.
  value: ({ tf, inputs: [x], site }) => tf.where(tf.greaterEqual(x, 0), x, tf.mul(x, site.parameter("alpha"))),
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf, inputs: [x] }, { dy, at, gradient }) =>
    at === "alpha" ? channelDistance(tf, tf.mul(dy, tf.minimum(x, 0))) : roundedOnce(tf, gradient),
  cases: { alone: () => [around("prelu", USUAL_IMAGE, (x) => layers.prelu({ name: "prelu" }).apply(x))] },
};
