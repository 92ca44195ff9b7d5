/** The mean of each window. */
import { k } from "../../program/inference-call.ts";
import type { InferenceOp } from "./op.ts";
import { emitPool } from "./pool.ts";

export const avgPool2d = {
  kind: "whole",
  emit: (node, context) => emitPool(node, context, k.avgPool),
} satisfies InferenceOp<"avgPool2d">;
