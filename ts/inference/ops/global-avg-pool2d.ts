/** The mean of each channel: one window over the whole image. */
import { k } from "../../program/inference-call.ts";
import type { InferenceOp } from "./op.ts";
import { emitPool } from "./pool.ts";

export const globalAvgPool2d = {
  kind: "whole",
  emit: (node, context) => emitPool(node, context, k.avgPool),
} satisfies InferenceOp<"globalAvgPool2d">;
