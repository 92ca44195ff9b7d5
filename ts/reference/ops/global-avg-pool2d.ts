/** The mean of each channel over the whole image. */
import { layers } from "../../nn/layers.ts";
import { around, WIDE_IMAGE } from "../cases.ts";
import { meanPool } from "./mean-pool.ts";
import type { ReferenceOp } from "./op.ts";

export const globalAvgPool2d: ReferenceOp<"globalAvgPool2d"> = {
  ...meanPool<"globalAvgPool2d">(({ tf }, x) => tf.mean(x, [1, 2])),
  cases: {
    alone: () => [around("globalAvgPool2d", WIDE_IMAGE, (x) => layers.globalAvgPool2d({ name: "pool" }).apply(x))],
  },
};
