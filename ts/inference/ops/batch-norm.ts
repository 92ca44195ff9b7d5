/** Batch normalisation with its running statistics, which set-up folds into a scale and a shift. */
import type { NodeOf } from "../../nn/graph.ts";
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import type { Context, ScaleAndShift } from "../context.ts";
import { affineStep } from "./affine.ts";
import type { InferenceOp } from "./op.ts";

function scaleAndShift(node: NodeOf<"batchNorm">, { draft, network, tensor }: Context): ScaleAndShift {
  const channels = network.channelsOf(node.name);
  const [scale, shift] = [draft.allocate(4 * channels), draft.allocate(4 * channels)];
  const running = tensor(parameterName(node, "movingMean"), parameterName(node, "movingVariance"));
  const [gamma, beta] = [tensor(parameterName(node, "gamma")), tensor(parameterName(node, "beta"))];
  const eps = node.attributes.epsilon;
  draft.once(node.name, k.normFold({ gamma, beta, running, eps, channels, scale, shift }));
  return { scale, shift };
}

export const batchNorm = {
  kind: "rows",
  scaleAndShift,
  step: (node, context) => affineStep(node, scaleAndShift(node, context), context),
  madeBytes: (channels) => 8 * channels,
} satisfies InferenceOp<"batchNorm">;
