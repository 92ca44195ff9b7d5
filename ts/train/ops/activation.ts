/** An elementwise function by its name, in the trainer. */
import { functions } from "../../quantizers/functions.ts";
import { elementwise } from "./elementwise.ts";
import type { TrainOp } from "./op.ts";

export const activation: TrainOp<"activation"> = {
  plan: (node, context) => elementwise(functions[node.attributes.activation], node, context),
};
