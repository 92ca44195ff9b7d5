/** A learned token in front of the others. Nothing is rounded but the sum of its gradient over the images. */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import { FEW, sumDistance } from "../rounding.ts";
import type { ReferenceOp } from "./op.ts";

export const classToken: ReferenceOp<"classToken"> = {
  value: ({ tf, inputs: [x], site }) => {
    const [images, , features] = x.shape as [number, number, number];
    const copies = tf.tile(tf.reshape(site.parameter("token"), [1, 1, features]), [images, 1, 1]);
    return tf.concat([copies, x], 1);
  },
  gradientDistance: ({ tf }, { dy, at, gradient }) => {
    if (at !== "token") return tf.zerosLike(gradient);
    const [images, , features] = dy.shape as [number, number, number];
    const own = tf.reshape(tf.slice(dy, [0, 0, 0], [images, 1, features]), [images, features]);
    return tf.mul(tf.sum(tf.abs(own), 0), sumDistance(images) + FEW);
  },
  cases: {
    alone: () => [
      around("classToken, and the token taken again", UNEQUAL_IMAGE, (x) => {
        const tokens = layers.reshape({ targetShape: [20, 3] }).apply(x);
        const joined = layers.classToken({ name: "token" }).apply(tokens);
        const both = layers.concatenate({ axis: 0 }).apply([layers.slice({ name: "taken" }).apply(joined), joined]);
        return layers.globalAvgPool1d({ name: "mean" }).apply(both);
      }),
    ],
  },
};
