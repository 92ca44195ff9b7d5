/** The windows of layers over the images of a run: of convolutions, dense layers, pools, and single pixels. */
import type { NodeOf } from "../nn/graph.ts";
import { convGeometry, type ProductNode } from "../nn/nodes.ts";
import type { Shape } from "../nn/shapes.ts";
import { denseShape, windowShape } from "../program/conv-shape.ts";
import type { ConvShape } from "../program/kernels.ts";
import { isBinary } from "./fuse.ts";

/** Pixels with nothing around them, each a window. */
export function pixelShape(images: number, shape: Shape): ConvShape {
  const [height, width, channels] = asImage(shape);
  const one = { kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, padTop: 0, padLeft: 0 };
  const sizes = { height, width, paddedHeight: height, paddedWidth: width, outHeight: height, outWidth: width };
  return { images, channels, filters: channels, ...one, ...sizes, padOne: false };
}

/** A vector is an image of one pixel. */
export function asImage(shape: Shape): readonly [height: number, width: number, channels: number] {
  return shape.length === 3 ? (shape as readonly [number, number, number]) : [1, 1, shape[0] as number];
}

/**
 * The window of a convolution or dense layer over `images` images. A dense layer over bits, with exact sums, is a
 * convolution whose window is the whole image before the flatten (`unflattened`), so that bits stay in the layout of
 * their pixels; any other is one over rows.
 */
export function productShape(node: ProductNode, images: number, input: Shape, unflattened: Shape): ConvShape {
  if (node.op === "conv2d") return windowShape(images, convGeometry(node, input));
  const { units } = node.attributes;
  if (!isBinary(node)) return denseShape(images, input[0] as number, units);
  const pixels = pixelShape(images, unflattened);
  const { height, width } = pixels;
  return { ...pixels, kernelHeight: height, kernelWidth: width, outHeight: 1, outWidth: 1, filters: units };
}

export function poolShape(
  node: NodeOf<"maxPool2d" | "avgPool2d" | "globalAvgPool2d">,
  images: number,
  input: Shape,
): ConvShape {
  return windowShape(images, convGeometry(node, input));
}
