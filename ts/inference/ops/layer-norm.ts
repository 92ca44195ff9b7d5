/** Layer normalisation. Its statistics are those of the row at hand, so that nothing can be folded. */
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const layerNorm = {
  kind: "rows",
  step: (node, { network, tensor }) => {
    const channels = network.channelsOf(node.name);
    const eps = node.attributes.epsilon;
    const gamma = tensor(parameterName(node, "gamma"));
    const beta = tensor(parameterName(node, "beta"));
    return (x, y, rows) => call(node.name, k.layerNormForward({ x, rows, channels, gamma, beta, eps, y, saved: null }));
  },
} satisfies InferenceOp<"layerNorm">;
