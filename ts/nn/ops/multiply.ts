/** The product of two tensors of one shape, element by element. */
import { keepsOneShape, noFields, operation } from "./op.ts";

export const multiply = operation({
  name: "multiply",
  kind: "multiply",
  inputs: 2,
  fields: noFields,
  shape: keepsOneShape("Make both branches end in the same sizes, for example by layers.reshape()."),
  is: { perRow: true },
});
