/** Attention over whole values. */
import type { InferenceOp } from "./op.ts";

export const attention = {
  kind: "whole",
  emit: () => {
    throw new Error("attention has no kernels yet");
  },
} satisfies InferenceOp<"attention">;
