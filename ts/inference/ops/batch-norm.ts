/** Batch normalisation with its running statistics, which set-up folds into a scale and a shift. */
import type { NodeOf } from "../../nn/graph.ts";
import type { Context, ScaleAndShift } from "../context.ts";
import { affineStep } from "./affine.ts";
import type { InferenceOp } from "./op.ts";

const scaleAndShift = (node: NodeOf<"batchNorm">, { weights }: Context): ScaleAndShift => weights.fold(node);

export const batchNorm = {
  kind: "rows",
  scaleAndShift,
  step: (node, context) => affineStep(node, scaleAndShift(node, context), context),
  madeBytes: (channels) => 8 * channels,
} satisfies InferenceOp<"batchNorm">;
