/** The windows of layers over the images of a run: of convolutions and pools, and single pixels. */
import { convGeometry, type WindowNode } from "../nn/nodes.ts";
import { rowsOf, type Shape } from "../nn/shapes.ts";
import { windowShape } from "../program/conv-shape.ts";
import type { ConvShape } from "../program/kernels.ts";

/** Pixels with nothing around them, each a window. */
export function pixelShape(images: number, shape: Shape): ConvShape {
  const [height, width, channels] = asImage(shape);
  const one = { kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1 };
  const sizes = { height, width, paddedHeight: height, paddedWidth: width, outHeight: height, outWidth: width };
  return { images, channels, filters: channels, ...one, ...sizes, padTop: 0, padLeft: 0, padOne: false };
}

/** A shape of any rank as an image. The first axes are its height, because parts are cut along it. */
export function asImage(shape: Shape): readonly [height: number, width: number, channels: number] {
  const { rows, channels } = rowsOf(shape);
  const width = shape.length < 3 ? 1 : (shape.at(-2) as number);
  return [rows / width, width, channels];
}

/** The windows of a convolution or a pool over images of the shape `input`. */
export const windowOver = (node: WindowNode, images: number, input: Shape): ConvShape =>
  windowShape(images, convGeometry(node, input));
