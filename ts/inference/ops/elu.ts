/** The exponential linear unit with the alpha of its node. */
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const elu = {
  kind: "rows",
  step: (node, { network }) => {
    const channels = network.channelsOf(node.name);
    const { alpha } = node.attributes;
    return (x, y, rows) => call(node.name, k.eluForward({ x, alpha, y, count: rows * channels }));
  },
} satisfies InferenceOp<"elu">;
