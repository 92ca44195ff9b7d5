/**
 * The geometry of a convolution as the core reads it, and the geometries that layers ask for. Its fields, and the sizes that
 * follow from it, stand in `kernels.ts`.
 */
import { CONV_SHAPE_BYTES, CONV_SHAPE_FIELDS, type ConvShape, extentHeight, extentWidth } from "./kernels.ts";

/** The descriptor's bytes. */
export function encodeConvShape(shape: ConvShape): Uint8Array {
  const view = new DataView(new ArrayBuffer(CONV_SHAPE_BYTES));
  CONV_SHAPE_FIELDS.forEach((field, i) => {
    view.setUint32(4 * i, Number(shape[field]), true);
  });
  return new Uint8Array(view.buffer);
}

/** Everything about a window but the number of images, with the padding by name (see `ts/nn/shapes.ts`). */
export type Window = Omit<ConvShape, "images" | "padOne"> & { readonly padValue: "zero" | "one" };

/** The geometry of `images` images under a window. */
export function windowShape(images: number, window: Window): ConvShape {
  const { padValue, ...sizes } = window;
  return { ...sizes, images, padOne: padValue === "one" };
}

/** A dense layer of `rows` rows as a convolution over one image of height 1 and width `rows`, with a 1x1 kernel. */
export function denseShape(rows: number, inputs: number, units: number): ConvShape {
  return {
    images: 1,
    height: 1,
    width: rows,
    channels: inputs,
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
    paddedHeight: 1,
    paddedWidth: rows,
    outHeight: 1,
    outWidth: rows,
    filters: units,
    padOne: false,
  };
}

/**
 * True where the forward product is the gradient at the input of another convolution: no strides, padding of zeros, and no window
 * beside the image. `fb_sign_conv` takes such shapes.
 */
export function hasAdjoint(shape: ConvShape): boolean {
  const fits = (pad: number, extent: number, size: number, out: number) => pad < extent && out <= size + pad;
  return (
    shape.strideHeight === 1 &&
    shape.strideWidth === 1 &&
    (!shape.padOne || isUnpadded(shape)) &&
    fits(shape.padTop, extentHeight(shape), shape.height, shape.outHeight) &&
    fits(shape.padLeft, extentWidth(shape), shape.width, shape.outWidth)
  );
}

/** True for a 1x1 kernel without strides or padding: every pixel is a window by itself. */
export const isPointwise = (shape: ConvShape): boolean =>
  shape.kernelHeight === 1 &&
  shape.kernelWidth === 1 &&
  shape.strideHeight === 1 &&
  shape.strideWidth === 1 &&
  isUnpadded(shape);

/** The same with the pixels of each image in one row, where they are windows by themselves. */
export function flattened(shape: ConvShape): ConvShape {
  if (!isPointwise(shape)) return shape;
  const width = shape.height * shape.width;
  return { ...shape, height: 1, width, paddedHeight: 1, paddedWidth: width, outHeight: 1, outWidth: width };
}

/** Pixels that a vector of a table of signed sums holds. */
export const FEWEST_PIXELS = 4;

/**
 * True where `fb_sign_conv` takes the shape of so many images and is worth it: a row of an image, or all its pixels under a 1x1
 * kernel, fill a vector of a table. So the choice, and with it the order of sums, is that of one image alone.
 */
export const suitsSigns = (shape: ConvShape, images: number): boolean =>
  hasAdjoint(shape) && shape.images * flattened(shape).width >= FEWEST_PIXELS * images;

/** True where the padded buffer is the input itself. */
export const isUnpadded = (shape: ConvShape): boolean =>
  shape.paddedHeight === shape.height && shape.paddedWidth === shape.width;
