/**
 * A dense layer over bits, with exact sums, is a convolution whose window is the whole image before the flatten, so
 * that bits stay in the layout of their pixels. Any other is one over rows. It reads the flattened vector, in which
 * groups of channels lie otherwise.
 */
import type { NodeOf } from "../../nn/graph.ts";
import { rowsOf } from "../../nn/shapes.ts";
import { denseShape } from "../../program/conv-shape.ts";
import { formOf } from "../forms.ts";
import { pixelShape } from "../windows.ts";
import type { InferenceOp } from "./op.ts";

const isOnPixels = (node: NodeOf<"dense">): boolean => formOf(node) === "exact";

export const dense = {
  kind: "product",
  window: (node, images, input, unflattened) => {
    const { units } = node.attributes;
    const { rows, channels } = rowsOf(input);
    if (!isOnPixels(node)) return denseShape(images * rows, channels, units);
    const pixels = pixelShape(images, unflattened);
    const { height, width } = pixels;
    return { ...pixels, kernelHeight: height, kernelWidth: width, outHeight: 1, outWidth: 1, filters: units };
  },
  takesPixels: isOnPixels,
} satisfies InferenceOp<"dense">;
