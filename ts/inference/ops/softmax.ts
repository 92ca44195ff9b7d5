/** Softmax over rows. */
import { k } from "../../program/inference-call.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const softmax = {
  kind: "rows",
  step: (node, { network }) => {
    const channels = network.channelsOf(node.name);
    return (x, y, rows) => call(node.name, k.softmaxForward({ x, rows, channels, y }));
  },
} satisfies InferenceOp<"softmax">;
