/** An elementwise function by its number in the core. */
import { k } from "../../program/call.ts";
import { ACTIVATION_NUMBERS } from "../../runtime/activations.ts";
import { call } from "../draft.ts";
import type { InferenceOp } from "./op.ts";

export const activation = {
  kind: "rows",
  step: (node, { network }) => {
    const kind = ACTIVATION_NUMBERS[node.attributes.activation];
    const channels = network.channelsOf(node.name);
    return (x, y, rows) => call(node.name, k.activationForward({ kind, x, y, count: rows * channels }));
  },
} satisfies InferenceOp<"activation">;
