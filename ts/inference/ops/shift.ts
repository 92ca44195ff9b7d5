/** A learned shift. Its scale is 1, and a product with 1 is exact. */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import type { Context, ScaleAndShift } from "../context.ts";
import { filled } from "../draft.ts";
import { affineStep } from "./affine.ts";
import type { InferenceOp } from "./op.ts";

const scaleAndShift = (node: NodeOf<"shift">, { draft, network, tensor }: Context): ScaleAndShift => ({
  scale: filled(1, network.channelsOf(node.name), draft),
  shift: tensor(parameterName(node, "beta")),
});

export const shift = {
  kind: "rows",
  scaleAndShift,
  step: (node, context) => affineStep(node, scaleAndShift(node, context), context),
} satisfies InferenceOp<"shift">;
