/** The mean of each feature: one window over all tokens. */
import { k } from "../../program/inference-call.ts";
import type { InferenceOp } from "./op.ts";
import { emitPool } from "./pool.ts";

export const globalAvgPool1d = {
  kind: "whole",
  emit: (node, context) => emitPool(node, context, k.avgPool),
} satisfies InferenceOp<"globalAvgPool1d">;
