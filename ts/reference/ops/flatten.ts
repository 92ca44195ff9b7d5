/** The same numbers in one axis. */
import type { ReferenceOp } from "./op.ts";

export const flatten: ReferenceOp<"flatten"> = {
  value: ({ tf, inputs: [x] }) => tf.reshape(x, [x.shape[0] as number, -1]),
  // Every case flattens its value before the head.
  cases: {},
};
