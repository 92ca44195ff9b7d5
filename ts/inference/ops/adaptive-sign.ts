/** AdaBin's two levels, by one alpha and one beta for the whole tensor. */
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const adaptiveSign = {
  kind: "rows",
  step: (node, { network, tensor }) => {
    const channels = network.channelsOf(node.name);
    const alpha = tensor(parameterName(node, "alpha"));
    const beta = tensor(parameterName(node, "beta"));
    return (x, y, rows) => call(node.name, k.adaptiveSignForward({ x, count: rows * channels, alpha, beta, y }));
  },
} satisfies InferenceOp<"adaptiveSign">;
