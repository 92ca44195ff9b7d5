/** |alpha| sign(u) + beta, u = (x - beta) / |alpha|, with Bi-Real's slope in place of the sign's derivative. */
import { layers } from "../../nn/layers.ts";
import { quantizer } from "../../quantizers/registry.ts";
import { around, binaryConv, USUAL_IMAGE } from "../cases.ts";
import { momentOf, quantize } from "../maps.ts";
import { FEW, sumDistance } from "../rounding.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

const poly = quantizer("poly");

export const adaptiveSign: ReferenceOp<"adaptiveSign"> = {
  value: ({ tf, inputs: [x], site }) => {
    const [alpha, beta] = [tf.abs(site.parameter("alpha")), site.parameter("beta")];
    const unit = tf.div(tf.sub(x, beta), alpha);
    return tf.add(tf.mul(quantize(tf, momentOf(poly, 1, true), unit), alpha), beta);
  },
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { dy, at }) => {
    const magnitude = tf.abs(dy);
    // B(u) = 2 - 2 |u|, and it is 0 where |u| > 1: twice the roundings of u.
    if (typeof at === "number") return tf.mul(magnitude, 2 * FEW);
    // Sums of sign(u) dy and u B(u) dy, or of dy and B(u) dy, which tfjs adds up by themselves: at most 3 |dy|.
    return tf.mul(tf.sum(magnitude), 3 * sumDistance(dy.size) + 4 * FEW);
  },
  cases: {
    alone: () => [
      around("adaptiveSign", USUAL_IMAGE, (x) => layers.adaptiveSign({ name: "sign" }).apply(x)),
      // The other sign that learns where it turns, with the layers that stand around it.
      around("RSign and RPReLU, read twice", USUAL_IMAGE, (x) => {
        const moved = layers.rsign({ name: "rsign" }).apply(x);
        const joined = layers.add({ name: "sum" }).apply([binaryConv(moved, "conv"), x]);
        return layers.rprelu({ name: "rprelu" }).apply(joined);
      }),
    ],
  },
};
