/** The mean of each window, channel by channel, over its pixels inside the image. */
import { operation } from "./op.ts";
import { poolFields, poolShape, poolWindows } from "./pool.ts";

export const avgPool2d = operation({
  name: "avgPool2d",
  kind: "avg_pool2d",
  inputs: 1,
  fields: poolFields,
  windows: poolWindows,
  shape: poolShape,
  is: { windowed: true },
});
