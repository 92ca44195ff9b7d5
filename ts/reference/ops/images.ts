/** Windows over images, for operations that tfjs answers otherwise: what each place of the windows reads, and gives back. */
import type { WindowGeometry } from "../../nn/windows.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";

/** Far below every number of a network, and no infinity, which some drivers do not calculate with. */
export const LOWEST = -1e30;

/** Pixels of a window. */
export const placesOf = ({ kernelHeight, kernelWidth }: WindowGeometry): number => kernelHeight * kernelWidth;

/** The image with its border, as the windows see it. */
export function padded(tf: TensorFlow, x: Tensor, geometry: WindowGeometry, value: number): never {
  const { height, width, padTop, padLeft, paddedHeight, paddedWidth } = geometry;
  const rows: [number, number] = [padTop, paddedHeight - height - padTop];
  const columns: [number, number] = [padLeft, paddedWidth - width - padLeft];
  return tf.pad(x, [[0, 0], rows, columns, [0, 0]], value) as never;
}

/**
 * A kernel `[height, width, ...]` with zeros in the gaps between its taps. tfjs has no gradient of dilated convolutions, and
 * so convolves with such a kernel.
 */
export const dilated = (tf: TensorFlow, kernel: Tensor, [down, right]: readonly [number, number]): Tensor =>
  spaced(tf, spaced(tf, kernel, 0, down), 1, right);

/** `x` with `rate - 1` zeros behind each place of an axis but the last. */
function spaced(tf: TensorFlow, x: Tensor, axis: number, rate: number): Tensor {
  const [before, size, behind] = [x.shape.slice(0, axis), x.shape[axis] as number, x.shape.slice(axis + 1)];
  const elements = (shape: readonly number[]): number => shape.reduce((product, own) => product * own, 1);
  const lines = tf.reshape(x, [elements(before) * size, 1, elements(behind)]);
  const wide = tf.pad(lines, [
    [0, 0],
    [0, rate - 1],
    [0, 0],
  ]);
  const all = tf.reshape(wide, [elements(before), size * rate, elements(behind)]);
  const extent = (size - 1) * rate + 1;
  const cut = tf.slice(all, [0, 0, 0], [elements(before), extent, elements(behind)]);
  return tf.reshape(cut, [...before, extent, ...behind]);
}

/** The pixels at each place of the windows: `[images][out height][out width][channels]` a place. */
export function places(tf: TensorFlow, x: Tensor, geometry: WindowGeometry, outside: number): readonly Tensor[] {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, outHeight, outWidth, channels } = geometry;
  const { dilationHeight, dilationWidth } = geometry;
  const images = x.shape[0] as number;
  const image = padded(tf, x, geometry, outside);
  const found: Tensor[] = [];
  for (let row = 0; row < kernelHeight * dilationHeight; row += dilationHeight) {
    for (let column = 0; column < kernelWidth * dilationWidth; column += dilationWidth) {
      const end = [row + (outHeight - 1) * strideHeight + 1, column + (outWidth - 1) * strideWidth + 1] as const;
      const from = [0, row, column, 0];
      found.push(tf.stridedSlice(image, from, [images, ...end, channels], [1, strideHeight, strideWidth, 1]));
    }
  }
  return found;
}

/** Adds up what each place of a pool's windows gives to the pixels it stands on. */
export function spread(tf: TensorFlow, shares: readonly Tensor[], geometry: WindowGeometry): Tensor {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth } = geometry;
  const { outHeight, outWidth, height, width, padTop, padLeft, paddedHeight, paddedWidth, channels } = geometry;
  let sum: Tensor | undefined;
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      const share = shares[row * kernelWidth + column] as Tensor;
      const images = share.shape[0] as number;
      // A stride is as many pixels, of which all but the first get nothing.
      const lines = tf.reshape(share, [images * outHeight, 1, outWidth * channels]);
      const tall = tf.pad(lines, [
        [0, 0],
        [0, strideHeight - 1],
        [0, 0],
      ]);
      const pixels = tf.reshape(tall, [images * outHeight * strideHeight * outWidth, 1, channels]);
      const size = [outHeight * strideHeight, outWidth * strideWidth] as const;
      const wide = tf.reshape(
        tf.pad(pixels, [
          [0, 0],
          [0, strideWidth - 1],
          [0, 0],
        ]),
        [images, ...size, channels],
      );
      const below: [number, number] = [row, paddedHeight + strideHeight - row - size[0]];
      const behind: [number, number] = [column, paddedWidth + strideWidth - column - size[1]];
      const moved = tf.pad(wide, [[0, 0], below, behind, [0, 0]]);
      const place = tf.slice(moved, [0, padTop, padLeft, 0], [images, height, width, channels]);
      sum = sum === undefined ? place : tf.add(sum, place);
    }
  }
  return sum as Tensor;
}
