/** A learned scale. Its shift is 0, as in the trainer's pass. */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import type { Context, ScaleAndShift } from "../context.ts";
import { filled } from "../draft.ts";
import { affineStep } from "./affine.ts";
import type { InferenceOp } from "./op.ts";

const scaleAndShift = (node: NodeOf<"layerScale">, { draft, network, tensor }: Context): ScaleAndShift => ({
  scale: tensor(parameterName(node, "gamma")),
  shift: filled(0, network.channelsOf(node.name), draft),
});

export const layerScale = {
  kind: "rows",
  scaleAndShift,
  step: (node, context) => affineStep(node, scaleAndShift(node, context), context),
} satisfies InferenceOp<"layerScale">;
