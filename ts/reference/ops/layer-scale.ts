/** gamma x, channel by channel. */
import { layers } from "../../nn/layers.ts";
import { around, binaryConv, USUAL_IMAGE } from "../cases.ts";
import { channelDistance, roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const layerScale: ReferenceOp<"layerScale"> = {
  value: ({ tf, inputs: [x], site }) => tf.mul(x, site.parameter("gamma")),
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf, inputs: [x] }, { dy, at, gradient }) =>
    at === "gamma" ? channelDistance(tf, tf.mul(dy, x)) : roundedOnce(tf, gradient),
  cases: {
    alone: () => [
      around("layerScale, a shortcut behind it", USUAL_IMAGE, (x) => {
        const scaled = layers.layerScale({ name: "scale", initialValue: 0.5 }).apply(binaryConv(x, "conv"));
        return layers.add({ name: "sum" }).apply([scaled, x]);
      }),
    ],
  },
};
