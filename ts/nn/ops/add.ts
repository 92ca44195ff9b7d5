/** The sum of two tensors of one shape. */
import { describe } from "../../base/describe.ts";
import { misfit } from "../shapes.ts";
import { keepsShape, noFields, operation } from "./op.ts";

export const add = operation({
  name: "add",
  kind: "add",
  inputs: 2,
  fields: noFields,
  shape: (inputs, attributes, layer) => {
    const [first, second] = inputs;
    if (first.length !== second.length || first.some((size, axis) => size !== second[axis])) {
      throw misfit(
        layer,
        `two inputs of one shape, the first being ${describe(first)}`,
        second,
        "Make both branches end in the same height, width and channels, for example by a 1x1 convolution with strides.",
      );
    }
    return keepsShape(inputs, attributes, layer);
  },
  is: { perRow: true },
});
