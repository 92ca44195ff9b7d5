/**
 * The geometry of a convolution as the core reads it: sixteen little-endian `u32` (see `crates/kernels/src/shape.rs`).
 */

export interface ConvShape {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly paddedHeight: number;
  readonly paddedWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly filters: number;
  readonly padOne: boolean;
}

/** Bytes of a descriptor. */
export const CONV_SHAPE_BYTES = 64;

/** The descriptor's bytes. */
export function encodeConvShape(shape: ConvShape): Uint8Array {
  const view = new DataView(new ArrayBuffer(CONV_SHAPE_BYTES));
  const words = [
    shape.images,
    shape.height,
    shape.width,
    shape.channels,
    shape.kernelHeight,
    shape.kernelWidth,
    shape.strideHeight,
    shape.strideWidth,
    shape.padTop,
    shape.padLeft,
    shape.paddedHeight,
    shape.paddedWidth,
    shape.outHeight,
    shape.outWidth,
    shape.filters,
    shape.padOne ? 1 : 0,
  ];
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
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

/** A dense layer of `rows` rows as a convolution: one image of height 1 and width `rows`, a 1x1 kernel. */
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

/** The convolution that gives the gradient at the input of `shape` from the dilated gradient at its output. */
export function transposedShape(shape: ConvShape): ConvShape {
  return {
    images: shape.images,
    height: shape.height,
    width: shape.width,
    channels: shape.filters,
    kernelHeight: shape.kernelHeight,
    kernelWidth: shape.kernelWidth,
    strideHeight: 1,
    strideWidth: 1,
    padTop: 0,
    padLeft: 0,
    paddedHeight: shape.height + shape.kernelHeight - 1,
    paddedWidth: shape.width + shape.kernelWidth - 1,
    outHeight: shape.height,
    outWidth: shape.width,
    filters: shape.channels,
    padOne: false,
  };
}

/** Kernel positions. */
export const taps = (shape: ConvShape): number => shape.kernelHeight * shape.kernelWidth;
/** Rows of the kernel matrix [K][N]: taps times channels. */
export const reduction = (shape: ConvShape): number => taps(shape) * shape.channels;
/** Groups of four channels a pixel. */
export const groups = (channels: number): number => Math.ceil(channels / 4);
/** 64-bit words a pixel. */
export const words = (channels: number): number => Math.ceil(channels / 64);
/** Pixels of the padded buffer, all images. */
export const paddedPixels = (shape: ConvShape): number => shape.images * shape.paddedHeight * shape.paddedWidth;
/** Pixels of the output, all images. */
export const outputPixels = (shape: ConvShape): number => shape.images * shape.outHeight * shape.outWidth;
/** Whether the padded buffer is the input itself. */
export const isUnpadded = (shape: ConvShape): boolean =>
  shape.paddedHeight === shape.height && shape.paddedWidth === shape.width;

/** Bytes of the weights in the look-up kernel's layout. */
export const lookupWeightBytes = (shape: ConvShape): number =>
  Math.ceil(shape.filters / 64) * Math.ceil((taps(shape) * groups(shape.channels)) / 3) * 192;
/** Bytes of the weights of the `i8x16.popcnt` kernel. */
export const byteWeightBytes = (shape: ConvShape): number =>
  Math.ceil(shape.filters / 16) * taps(shape) * Math.ceil(shape.channels / 8) * 16;
/** Bytes of the weights of the kernel whose sums live in 8 bits. */
export const nibbleWeightBytes = (shape: ConvShape): number =>
  Math.ceil(shape.filters / 16) * taps(shape) * groups(shape.channels) * 16;
/** Bytes of the weights of the `i64.popcnt` kernel. */
export const wordWeightBytes = (shape: ConvShape): number =>
  Math.ceil(shape.filters / 2) * 2 * taps(shape) * words(shape.channels) * 8;

/** How many of `out` windows along an axis reach past the image. */
function cutWindows(out: number, stride: number, pad: number, size: number, kernel: number): number {
  const first = Math.min(Math.ceil(pad / stride), out);
  const end = pad + size < kernel ? first : Math.floor((pad + size - kernel) / stride) + 1;
  return out - (Math.min(Math.max(end, first), out) - first);
}

/** Patterns of taps that fall on zero padding: none missing, and one for each row and column whose windows are cut. */
export function borderPatterns(shape: ConvShape): number {
  if (shape.padOne) return 1;
  const { outHeight, outWidth, strideHeight, strideWidth, padTop, padLeft, height, width } = shape;
  return (
    (1 + cutWindows(outHeight, strideHeight, padTop, height, shape.kernelHeight)) *
    (1 + cutWindows(outWidth, strideWidth, padLeft, width, shape.kernelWidth))
  );
}

/** Bytes of what the sums of a +-1 by +-1 convolution start from, and of the limits of its counts. */
export const startBytes = (shape: ConvShape): number => 4 * borderPatterns(shape) * 16 * Math.ceil(shape.filters / 16);

/** Floats of a [K][N] matrix in panels of eight columns. */
export const panelFloats = (k: number, n: number): number => Math.ceil(n / 8) * 8 * k;
/** The tables of the products with one real and one +-1 operand, and a gap before them up to 64 bytes. */
const TABLE_BYTES = 36 * 1024 + 64;
/** Scratch of `fb_conv`: the tables, and a sum per tap and filter. */
export const fbForwardScratchBytes = (shape: ConvShape): number => TABLE_BYTES + 4 * taps(shape) * shape.filters;
/**
 * Scratch of `fb_conv_backward_filter`: that of `fb_conv`, the bits of an image as one plane a channel, and a line of four
 * groups of channels.
 */
export function fbFilterScratchBytes(shape: ConvShape): number {
  const columns = Math.ceil(shape.paddedWidth / shape.strideWidth);
  const plane = shape.paddedHeight * shape.strideWidth * columns + 16;
  const line = Math.ceil(columns / 16) * 16 + 16;
  return fbForwardScratchBytes(shape) + 4 * groups(shape.channels) * plane + 4 * line;
}
/** Bytes of the +-1 weights of `fb_conv_backward_input`. */
export const fbInputWeightBytes = (shape: ConvShape): number => reduction(shape) * groups(shape.filters);
/**
 * Scratch of `fb_conv_backward_input`: the tables, the sums of as many padded rows as the kernel has
 * (an odd number of cache lines a channel and column phase), one row of gradients an image and one more.
 */
export function fbInputScratchBytes(shape: ConvShape): number {
  const images = Math.min(shape.images, 16);
  const lines = Math.ceil((Math.ceil(shape.paddedWidth / shape.strideWidth) * images + 3) / 16);
  const row = shape.strideWidth * shape.channels * 64 * (lines + 1 - (lines % 2));
  return TABLE_BYTES + shape.kernelHeight * row + 4 * (images + 1) * shape.width * shape.channels;
}
