/** An elementwise function by its name, in inference. */
import { functions } from "../../quantizers/functions.ts";
import { elementwise } from "./elementwise.ts";
import type { InferenceOp } from "./op.ts";

export const activation = {
  kind: "rows",
  step: (node, context) => elementwise(functions[node.attributes.activation], node.name, context),
} satisfies InferenceOp<"activation">;
