/** The product of two tensors of one shape, element by element. */
import { describe } from "../../base/describe.ts";
import { misfit } from "../shapes.ts";
import { keepsShape, noFields, operation } from "./op.ts";

export const multiply = operation({
  name: "multiply",
  kind: "multiply",
  inputs: 2,
  fields: noFields,
  shape: (inputs, attributes, layer) => {
    const [first, second] = inputs;
    if (first.length !== second.length || first.some((size, axis) => size !== second[axis])) {
      throw misfit(
        layer,
        `two inputs of one shape, the first being ${describe(first)}`,
        second,
        "Make both branches end in the same sizes, for example by layers.reshape().",
      );
    }
    return keepsShape(inputs, attributes, layer);
  },
  is: { perRow: true },
});
