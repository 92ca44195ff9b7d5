/** Attention on tfjs. */
import type { ReferenceOp } from "./op.ts";

export const attention: ReferenceOp<"attention"> = {
  value: () => {
    throw new Error("attention has no kernels yet");
  },
  cases: {},
};
