/** Leaky ReLU with the slope of its node. */
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const leakyRelu = {
  kind: "rows",
  step: (node, { network }) => {
    const channels = network.channelsOf(node.name);
    const slope = node.attributes.negativeSlope;
    return (x, y, rows) => call(node.name, k.leakyReluForward({ x, slope, y, count: rows * channels }));
  },
} satisfies InferenceOp<"leakyRelu">;
