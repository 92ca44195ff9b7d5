/** x + p, element by element of an example. */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import { FEW, sumDistance } from "../rounding.ts";
import { roundedOnce } from "./learned.ts";
import type { ReferenceOp } from "./op.ts";

export const positionEmbedding: ReferenceOp<"positionEmbedding"> = {
  value: ({ tf, inputs: [x], site }) => tf.add(x, site.parameter("positions")),
  distance: ({ tf }, value) => roundedOnce(tf, value),
  gradientDistance: ({ tf }, { dy, at, gradient }) =>
    at === "positions"
      ? tf.mul(tf.sum(tf.abs(dy), 0), sumDistance(dy.shape[0] as number) + FEW)
      : roundedOnce(tf, gradient),
  cases: {
    alone: () => [
      around("positionEmbedding", UNEQUAL_IMAGE, (x) => layers.positionEmbedding({ name: "positions" }).apply(x)),
    ],
  },
};
