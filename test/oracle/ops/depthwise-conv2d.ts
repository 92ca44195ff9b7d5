/** y(oy, ox, c m + q) = sum over r, s of x(oy sh + r dh - before, ox sw + s dw - before, c) w(r, s, c, q); 0 outside. */
import type { Applied, OracleOp } from "./op.ts";
import { productBackward, productForward, type Walk } from "./product.ts";
import { outputOf, slide } from "./windows.ts";

function walkOf({ node, inputs: [x] }: Applied<"depthwiseConv2d">): Walk {
  const { kernelSize, dilationRate, depthMultiplier } = node.attributes;
  const windows = { ...node.attributes, window: kernelSize, dilation: dilationRate };
  const filters = (x.shape[2] as number) * depthMultiplier;
  return {
    shape: [...outputOf(x.shape, windows), filters],
    outside: 0,
    weight: (place, c, o) => (Math.floor(o / depthMultiplier) === c ? place * filters + o : -1),
    each: (visit) => slide(x, windows, visit),
  };
}

export const depthwiseConv2d: OracleOp<"depthwiseConv2d"> = {
  forward: (given) => productForward(given, walkOf(given)),
  backward: (given, dy) => productBackward(given, walkOf(given), dy),
};
