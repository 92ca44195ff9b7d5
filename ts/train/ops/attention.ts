/** Attention in the trainer. */
import type { TrainOp } from "./op.ts";

export const attention: TrainOp<"attention"> = {
  plan: () => {
    throw new Error("attention has no kernels yet");
  },
};
