/**
 * A dense layer over rows is a convolution with a 1x1 kernel over their pixels, whatever its operands. Over a vector of
 * bits, with exact sums, it is one whose window is the whole image before the flatten, so that bits stay in the layout of
 * their pixels. Any other reads the flattened vector, in which groups of channels lie otherwise.
 */
import type { NodeOf } from "../../nn/graph.ts";
import type { Shape } from "../../nn/shapes.ts";
import { denseShape } from "../../program/conv-shape.ts";
import { formOf } from "../forms.ts";
import { pixelShape } from "../windows.ts";
import type { InferenceOp } from "./op.ts";

const isOnRows = (input: Shape): boolean => input.length > 1;
const isOnPixels = (node: NodeOf<"dense">, input: Shape): boolean => isOnRows(input) || formOf(node) === "exact";

export const dense = {
  kind: "product",
  window: (node, images, input, unflattened) => {
    const { units } = node.attributes;
    if (isOnRows(input)) return { ...pixelShape(images, input), filters: units };
    if (!isOnPixels(node, input)) return denseShape(images, input[0] as number, units);
    const pixels = pixelShape(images, unflattened);
    const { height, width } = pixels;
    return { ...pixels, kernelHeight: height, kernelWidth: width, outHeight: 1, outWidth: 1, filters: units };
  },
  takesPixels: isOnPixels,
} satisfies InferenceOp<"dense">;
