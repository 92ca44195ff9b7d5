/**
 * x where x >= 0, alpha x elsewhere, with a learned alpha for each channel.
 * PReLU: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, section 2.1.
 */
import { keepsShape, noFields, operation, perChannel } from "./op.ts";

export const prelu = operation({
  name: "prelu",
  kind: "prelu",
  inputs: 1,
  fields: noFields,
  shape: keepsShape,
  // The paper initialises its slopes with it.
  parameters: (inputs) => ({ alpha: perChannel(inputs, 0.25) }),
  is: { perRow: true },
});
