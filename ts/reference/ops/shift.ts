/** x + beta, channel by channel. */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { channelDistance, roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const shift: ReferenceOp<"shift"> = {
  value: ({ tf, inputs: [x], site }) => tf.add(x, site.parameter("beta")),
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { dy, at, gradient }) =>
    at === "beta" ? channelDistance(tf, dy) : roundedOnce(tf, gradient),
  cases: { alone: () => [around("shift", USUAL_IMAGE, (x) => layers.shift({ name: "shift" }).apply(x))] },
};
