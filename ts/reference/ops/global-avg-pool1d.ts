/** The mean of each feature over all tokens. */
import { layers } from "../../nn/layers.ts";
import { around, UNEQUAL_IMAGE } from "../cases.ts";
import { meanPool } from "./mean-pool.ts";
import type { ReferenceOp } from "./op.ts";

export const globalAvgPool1d: ReferenceOp<"globalAvgPool1d"> = {
  ...meanPool<"globalAvgPool1d">(({ tf }, x) => tf.mean(x, 1)),
  cases: {
    alone: () => [
      around("globalAvgPool1d", UNEQUAL_IMAGE, (x) =>
        layers.globalAvgPool1d({ name: "pool" }).apply(layers.reshape({ targetShape: [20, 3] }).apply(x)),
      ),
    ],
  },
};
