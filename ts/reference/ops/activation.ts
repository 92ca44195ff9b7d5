/** An elementwise function by its name, on tfjs. */
import { layers } from "../../nn/layers.ts";
import { functionNames, functions } from "../../quantizers/functions.ts";
import { around, USUAL_IMAGE } from "../cases.ts";
import { elementwiseDistance, elementwiseGradientDistance, elementwiseValue } from "./elementwise.ts";
import type { ReferenceOp } from "./op.ts";

export const activation: ReferenceOp<"activation"> = {
  value: ({ tf, node, inputs: [x] }) => elementwiseValue(tf, functions[node.attributes.activation], x),
  distance: ({ tf, node, inputs: [x] }) => elementwiseDistance(tf, functions[node.attributes.activation], x),
  gradientDistance: ({ tf, node, inputs: [x] }, { dy }) =>
    elementwiseGradientDistance(tf, functions[node.attributes.activation], x, dy),
  cases: {
    alone: () =>
      functionNames.map((name) =>
        around(name, USUAL_IMAGE, (x) => layers.activation({ name, activation: name }).apply(x)),
      ),
  },
};
