/**
 * Softmax over the last axis: y = exp(x - m) / sum exp(x - m), with m the largest x of the row.
 * Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 4.1.
 */
import { keepsShape, noFields, operation } from "./op.ts";

export const softmax = operation({
  name: "softmax",
  kind: "softmax",
  inputs: 1,
  fields: noFields,
  shape: keepsShape,
  is: { perRow: true },
});
