/** Any shape to one axis, rows first, channels innermost. */
import { elementsOf } from "../shapes.ts";
import { noFields, operation } from "./op.ts";

export const flatten = operation({
  name: "flatten",
  kind: "flatten",
  inputs: 1,
  fields: noFields,
  shape: ([input]) => [elementsOf(input)],
  is: { alias: true },
});
