/** The images, as they are given. */
import type { ReferenceOp } from "./op.ts";

/** Every case has one. */
export const input: ReferenceOp<"input"> = { value: ({ inputs: [images] }) => images, cases: {} };
