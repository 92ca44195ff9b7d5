/** The mean of each channel: the one window is the image. */
import type { Value } from "../layers.ts";
import { means, meansBackward } from "./mean-pool.ts";
import type { OracleOp } from "./op.ts";
import type { Windows } from "./windows.ts";

const whole = ({ shape: [height = 0, width = 0] }: Value): Windows => ({
  window: [height, width],
  strides: [1, 1],
  padding: "valid",
});

export const globalAvgPool2d: OracleOp<"globalAvgPool2d"> = {
  forward: ({ inputs: [x] }) => ({ images: x.images, shape: x.shape.slice(2), data: means(x, whole(x)) }),
  backward: ({ inputs: [x] }, dy) => ({ inputs: [meansBackward(x, whole(x), dy)], parameters: {} }),
};
