/** y(oy, ox, o) = sum over r, s, c of x(oy sh + r - before, ox sw + s - before, c) w(r, s, c, o); 0 or 1 outside. */
import type { Applied, OracleOp } from "./op.ts";
import { productBackward, productForward, type Walk } from "./product.ts";
import { outputOf, slide } from "./windows.ts";

function walkOf({ node, inputs: [x] }: Applied<"conv2d">): Walk {
  const { filters, kernelSize, padValue } = node.attributes;
  const windows = { ...node.attributes, window: kernelSize };
  return {
    shape: [...outputOf(x.shape, windows), filters],
    // Within 8 bits a border of zeros adds nothing, which is to leave it out.
    outside: padValue === "one" ? 1 : 0,
    each: (visit) => slide(x, windows, visit),
  };
}

export const conv2d: OracleOp<"conv2d"> = {
  forward: (given) => productForward(given, walkOf(given)),
  backward: (given, dy) => productBackward(given, walkOf(given), dy),
};
