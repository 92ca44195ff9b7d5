/**
 * The definitions as plain loops: windows, convolutions, pools, their gradients. Nothing here knows a tile. Reals are
 * summed in f64 where a kernel may choose its order; `Math.fround` after every operation where the order is fixed.
 */
import type { ConvShape } from "../../ts/program/kernels.ts";

export const outputPixels = (shape: ConvShape): number => shape.images * shape.outHeight * shape.outWidth;
export const inputPixels = (shape: ConvShape): number => shape.images * shape.height * shape.width;
export const paddedPixels = (shape: ConvShape): number => shape.images * shape.paddedHeight * shape.paddedWidth;
export const taps = (shape: ConvShape): number => shape.kernelHeight * shape.kernelWidth;
export const terms = (shape: ConvShape): number => taps(shape) * shape.channels;

/** sign(0) = sign(-0) = +1. */
export const sign = (x: number): number => (x >= 0 ? 1 : -1);

/** Visits every tap of every output pixel in row-major order; `pixel` is its input pixel, -1 outside the image. */
export function forEachTap(shape: ConvShape, visit: (output: number, tap: number, pixel: number) => void): void {
  let output = 0;
  for (let image = 0; image < shape.images; image++) {
    for (let oy = 0; oy < shape.outHeight; oy++) {
      for (let ox = 0; ox < shape.outWidth; ox++, output++) {
        for (let tap = 0; tap < taps(shape); tap++) {
          const row = Math.floor(tap / shape.kernelWidth) * shape.dilationHeight;
          const y = oy * shape.strideHeight + row - shape.padTop;
          const x = ox * shape.strideWidth + (tap % shape.kernelWidth) * shape.dilationWidth - shape.padLeft;
          const inside = y >= 0 && y < shape.height && x >= 0 && x < shape.width;
          visit(output, tap, inside ? (image * shape.height + y) * shape.width + x : -1);
        }
      }
    }
  }
}

/** Where an input pixel lies in the padded buffer; for each padded pixel the input pixel, or -1. */
export function interior(shape: ConvShape): Int32Array {
  const map = new Int32Array(paddedPixels(shape)).fill(-1);
  for (let image = 0; image < shape.images; image++) {
    for (let y = 0; y < shape.height; y++) {
      for (let x = 0; x < shape.width; x++) {
        const row = image * shape.paddedHeight + shape.padTop + y;
        map[row * shape.paddedWidth + shape.padLeft + x] = (image * shape.height + y) * shape.width + x;
      }
    }
  }
  return map;
}

/** The convolution of sign(x) with sign(w), `w` `[K][N]`: exact sums. */
export function signConv(shape: ConvShape, x: Float32Array, w: Float32Array): Int32Array {
  const { channels, filters } = shape;
  const sums = new Int32Array(outputPixels(shape) * filters);
  const signs = Int8Array.from(w, sign);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0 && !shape.padOne) return;
    for (let c = 0; c < channels; c++) {
      const value = pixel < 0 ? 1 : sign(x[pixel * channels + c]!);
      const row = (tap * channels + c) * filters;
      for (let n = 0; n < filters; n++) sums[output * filters + n]! += value * signs[row + n]!;
    }
  });
  return sums;
}

/**
 * The same with sums that are kept in a signed byte after every group of four channels of a tap, taps and groups in order:
 * at the nearest bound, or modulo 256. A tap on zero padding adds nothing.
 */
export function accumulatedConv(shape: ConvShape, x: Float32Array, w: Float32Array, wraps: boolean): Int32Array {
  const { channels, filters } = shape;
  const sums = new Int32Array(outputPixels(shape) * filters);
  const signs = Int8Array.from(w, sign);
  const byte = new Int8Array(1);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0 && !shape.padOne) return;
    for (let n = 0; n < filters; n++) {
      let sum = sums[output * filters + n]!;
      for (let c = 0; c < channels; c++) {
        const value = pixel < 0 ? 1 : sign(x[pixel * channels + c]!);
        sum += value * signs[(tap * channels + c) * filters + n]!;
        if (c % 4 !== 3 && c !== channels - 1) continue;
        byte[0] = sum;
        sum = wraps ? byte[0]! : Math.max(-128, Math.min(127, sum));
      }
      sums[output * filters + n] = sum;
    }
  });
  return sums;
}

/** The f32 convolution, summed over k in order from 0, then the bias: the very bits of `ff_conv`. */
export function inOrderConv(
  shape: ConvShape,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
): Float32Array {
  const { channels, filters } = shape;
  const y = new Float32Array(outputPixels(shape) * filters);
  forEachTap(shape, (output, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      const value = pixel < 0 ? (shape.padOne ? 1 : 0) : x[pixel * channels + c]!;
      const row = (tap * channels + c) * filters;
      for (let n = 0; n < filters; n++) y[output * filters + n]! += Math.fround(value * w[row + n]!);
    }
  });
  if (bias !== null) for (let i = 0; i < y.length; i++) y[i]! += bias[i % filters]!;
  return y;
}

/** The f32 gradient at `w`, summed over output pixels in order from 0: the very bits of `ff_conv_backward_filter`. */
export function inOrderFilterGradient(shape: ConvShape, x: Float32Array, dy: Float32Array): Float32Array {
  const { channels, filters } = shape;
  const dw = new Float32Array(terms(shape) * filters);
  forEachTap(shape, (output, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      const value = pixel < 0 ? (shape.padOne ? 1 : 0) : x[pixel * channels + c]!;
      const row = (tap * channels + c) * filters;
      for (let n = 0; n < filters; n++) dw[row + n]! += Math.fround(value * dy[output * filters + n]!);
    }
  });
  return dw;
}

/** The convolution of sign(x) with real `w` in f64. */
export const mixedConv = (shape: ConvShape, x: Float32Array, w: Float32Array): Float64Array =>
  realConv(shape, x.map(sign), w);

/** The convolution of real `x` with real `w` in f64. */
export function realConv(shape: ConvShape, x: Float32Array, w: Float32Array): Float64Array {
  const { channels, filters } = shape;
  const y = new Float64Array(outputPixels(shape) * filters);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0 && !shape.padOne) return;
    for (let c = 0; c < channels; c++) {
      const value = pixel < 0 ? 1 : x[pixel * channels + c]!;
      const row = (tap * channels + c) * filters;
      for (let n = 0; n < filters; n++) y[output * filters + n]! += value * w[row + n]!;
    }
  });
  return y;
}

/** The gradient at the filters of that convolution in f64. */
export function mixedFilterGradient(shape: ConvShape, x: Float32Array, dy: Float32Array): Float64Array {
  const { channels, filters } = shape;
  const dw = new Float64Array(terms(shape) * filters);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0 && !shape.padOne) return;
    for (let c = 0; c < channels; c++) {
      const value = pixel < 0 ? 1 : sign(x[pixel * channels + c]!);
      const row = (tap * channels + c) * filters;
      for (let n = 0; n < filters; n++) dw[row + n]! += value * dy[output * filters + n]!;
    }
  });
  return dw;
}

/** The gradient at the unpadded input of a convolution in f64, and the sum of the magnitudes of its terms. */
export function inputGradient(
  shape: ConvShape,
  dy: Float32Array,
  w: Float32Array,
): readonly [Float64Array, Float64Array] {
  const { channels, filters } = shape;
  const dx = new Float64Array(inputPixels(shape) * channels);
  const size = new Float64Array(dx.length);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0) return;
    for (let c = 0; c < channels; c++) {
      for (let n = 0; n < filters; n++) {
        const product = dy[output * filters + n]! * w[(tap * channels + c) * filters + n]!;
        dx[pixel * channels + c]! += product;
        size[pixel * channels + c]! += Math.abs(product);
      }
    }
  });
  return [dx, size];
}

/** Maxima of clipped windows and the tap of the first one. */
export function maxPool(shape: ConvShape, x: Float32Array): { readonly y: Float32Array; readonly argmax: Uint8Array } {
  const { channels } = shape;
  const y = new Float32Array(outputPixels(shape) * channels).fill(Number.NEGATIVE_INFINITY);
  const argmax = new Uint8Array(y.length);
  forEachTap(shape, (output, tap, pixel) => {
    if (pixel < 0) return;
    for (let c = 0; c < channels; c++) {
      const value = x[pixel * channels + c]!;
      if (value > y[output * channels + c]!) {
        y[output * channels + c] = value;
        argmax[output * channels + c] = tap;
      }
    }
  });
  return { y, argmax };
}

/** Every dy added at its maximum, output pixels in order, in f32. */
export function maxPoolGradient(shape: ConvShape, dy: Float32Array, argmax: Uint8Array): Float32Array {
  const { channels } = shape;
  const dx = new Float32Array(inputPixels(shape) * channels);
  forEachTap(shape, (output, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      if (argmax[output * channels + c] === tap) dx[pixel * channels + c]! += dy[output * channels + c]!;
    }
  });
  return dx;
}

/** Taps of each window inside the image. */
function insideCounts(shape: ConvShape): Float32Array {
  const counts = new Float32Array(outputPixels(shape));
  forEachTap(shape, (output, _, pixel) => {
    if (pixel >= 0) counts[output]! += 1;
  });
  return counts;
}

/** Means of clipped windows: f32 sums in order, then one division. */
export function avgPool(shape: ConvShape, x: Float32Array): Float32Array {
  const { channels } = shape;
  const y = new Float32Array(outputPixels(shape) * channels);
  forEachTap(shape, (output, _, pixel) => {
    if (pixel < 0) return;
    for (let c = 0; c < channels; c++) y[output * channels + c]! += x[pixel * channels + c]!;
  });
  const counts = insideCounts(shape);
  return y.map((sum, i) => sum / counts[Math.floor(i / channels)]!);
}

/** Every dy divided among the taps of its window, added in f32 to `start`, output pixels in order. */
export function avgPoolGradient(shape: ConvShape, dy: Float32Array, start: Float32Array): Float32Array {
  const { channels } = shape;
  const dx = start.slice();
  const counts = insideCounts(shape);
  forEachTap(shape, (output, _, pixel) => {
    if (pixel < 0) return;
    for (let c = 0; c < channels; c++) {
      dx[pixel * channels + c]! += Math.fround(dy[output * channels + c]! / counts[output]!);
    }
  });
  return dx;
}

/** Whether any bit of a clipped window is set. */
export function anyPool(shape: ConvShape, bits: Uint8Array): Uint8Array {
  const { channels } = shape;
  const out = new Uint8Array(outputPixels(shape) * channels);
  forEachTap(shape, (output, _, pixel) => {
    if (pixel < 0) return;
    for (let c = 0; c < channels; c++) out[output * channels + c]! |= bits[pixel * channels + c]!;
  });
  return out;
}
