/** The maximum of each window, channel by channel. */
import { operation } from "./op.ts";
import { poolFields, poolShape, poolWindows } from "./pool.ts";

export const maxPool2d = operation({
  name: "maxPool2d",
  kind: "max_pool2d",
  inputs: 1,
  fields: poolFields,
  windows: poolWindows,
  shape: poolShape,
  is: { windowed: true },
});
