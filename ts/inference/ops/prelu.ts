/** A slope of each channel for what is below 0. */
import { parameterName } from "../../nn/network.ts";
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const prelu = {
  kind: "rows",
  step: (node, { network, tensor }) => {
    const channels = network.channelsOf(node.name);
    const slopes = tensor(parameterName(node, "alpha"));
    return (x, y, rows) => call(node.name, k.preluForward({ x, rows, channels, slopes, y }));
  },
} satisfies InferenceOp<"prelu">;
