/** x + beta with a learned beta for each channel. */
import { keepsShape, noFields, operation, perChannel } from "./op.ts";

export const shift = operation({
  name: "shift",
  kind: "shift",
  inputs: 1,
  fields: noFields,
  shape: keepsShape,
  parameters: (inputs) => ({ beta: perChannel(inputs, "zeros") }),
  is: { perRow: true, affine: true },
});
