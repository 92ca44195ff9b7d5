/** y(oy, ox, o) = sum over r, s, c of x(oy sh + r dh - before, ox sw + s dw - before, c) w(r, s, c, o), over the channels of o's group; 0 or 1 outside. */
import type { Applied, OracleOp } from "./op.ts";
import { productBackward, productForward, type Walk } from "./product.ts";
import { outputOf, slide } from "./windows.ts";

function walkOf({ node, inputs: [x] }: Applied<"conv2d">): Walk {
  const { filters, kernelSize, padValue, dilationRate: dilation = [1, 1], groups = 1 } = node.attributes;
  const [reads, own] = [(x.shape[2] as number) / groups, filters / groups];
  const windows = { ...node.attributes, window: kernelSize, dilation } as const;
  return {
    shape: [...outputOf(x.shape, windows), filters],
    // Within 8 bits a border of zeros adds nothing, which is to leave it out.
    outside: padValue === "one" ? 1 : 0,
    reads,
    weight: (place, c, o) =>
      Math.floor(c / reads) === Math.floor(o / own) ? (place * reads + (c % reads)) * filters + o : -1,
    each: (visit) => slide(x, windows, visit),
  };
}

export const conv2d: OracleOp<"conv2d"> = {
  forward: (given) => productForward(given, walkOf(given)),
  backward: (given, dy) => productBackward(given, walkOf(given), dy),
};
