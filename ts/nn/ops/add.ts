/** The sum of two tensors of one shape. */
import { keepsOneShape, noFields, operation } from "./op.ts";

export const add = operation({
  name: "add",
  kind: "add",
  inputs: 2,
  fields: noFields,
  shape: keepsOneShape(
    "Make both branches end in the same height, width and channels, for example by a 1x1 convolution with strides.",
  ),
  is: { perRow: true },
});
