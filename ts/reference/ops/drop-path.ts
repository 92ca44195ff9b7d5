/** Stochastic depth: a factor for each image, by dropout's draws. */
import { layers } from "../../nn/layers.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { factorsOf } from "./dropout.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const dropPath: ReferenceOp<"dropPath"> = {
  value: ({ tf, node, inputs: [x], site }) => {
    if (site.pass.kind !== "train") return tf.clone(x);
    const images = x.shape[0] as number;
    const factors = tf.tensor(factorsOf(node, site.pass, images), [images, ...x.shape.slice(1).map(() => 1)]);
    return tf.mul(x, factors);
  },
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { gradient }) => roundedOnce(tf, gradient),
  cases: {
    alone: () => [around("dropPath", USUAL_IMAGE, (x) => layers.dropPath({ rate: 0.4, name: "dropped" }).apply(x))],
  },
};
