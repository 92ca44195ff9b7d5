/** The images, as they are given. */
import type { ReferenceOp } from "./op.ts";

export const input: ReferenceOp<"input"> = {
  // Another tensor: tfjs derives no gradient of a value that is its own argument.
  value: ({ tf, inputs: [images] }) => tf.clone(images),
  // Every case has one.
  cases: {},
};
