/**
 * Windows that slide over images. Their geometry is TensorFlow's:
 *
 *   SAME    out = ceil(in / stride), pad = max((out - 1) stride + extent - in, 0), before = floor(pad / 2)
 *   VALID   out = floor((in - extent) / stride) + 1, no padding
 *   given   out = floor((before + in + behind - extent) / stride) + 1, as in PyTorch
 *   padded  max(before + in, (out - 1) stride + extent): rows (columns) of the padded image that the core works on
 *
 * The extent of a window is (kernel - 1) dilation + 1, its pixels from the first tap to the last.
 * The core pads a convolution's image with zeros or ones; a pool clips its windows to the image instead.
 */
import { limits } from "./limits.ts";
import { misfit, type Shape } from "./shapes.ts";
import type { Borders, Padding, PadValue } from "./words.ts";

/** Everything about a convolution's or a pool's windows but the number of images. Sizes in elements. */
export interface WindowGeometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly paddedHeight: number;
  readonly paddedWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** A pool has as many filters as channels. */
  readonly filters: number;
  readonly padValue: PadValue;
}

/** The windows of an operation, as it describes them. */
export interface Windows {
  /** Height and width, or one window over the whole image. */
  readonly kernel: readonly [number, number] | "whole";
  readonly strides: readonly [number, number];
  /** Pixels from a tap to the next; 1 where absent. */
  readonly dilation?: readonly [number, number];
  readonly padding: Padding;
  /** A convolution's; absent for a pool, which has neither weights nor a border. */
  readonly weights?: WindowWeights;
}

export interface WindowWeights {
  readonly filters: number;
  readonly padValue: PadValue;
  /** Channels that a filter reads; all of them where absent. */
  readonly channels?: number;
}

/** Pixels from the first tap of a window to the last, both counted, along each axis. */
export const extentOf = (
  kernel: readonly [number, number],
  dilation: readonly [number, number],
): readonly [height: number, width: number] => [(kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1];

interface AxisGeometry {
  readonly out: number;
  readonly before: number;
  readonly padded: number;
}

/** One axis of a window that reaches over `extent` pixels; `out` is 0 where it does not fit. */
function axisGeometry(size: number, extent: number, stride: number, padding: "same" | Borders[number]): AxisGeometry {
  if (padding === "same") {
    const out = Math.ceil(size / stride);
    const before = Math.floor(Math.max((out - 1) * stride + extent - size, 0) / 2);
    return { out, before, padded: paddedSize(size, before, (out - 1) * stride + extent) };
  }
  const [before, behind] = padding;
  const room = before + size + behind - extent;
  const out = room < 0 ? 0 : Math.floor(room / stride) + 1;
  return { out, before, padded: paddedSize(size, before, (out - 1) * stride + extent) };
}

const paddedSize = (size: number, before: number, windowsEnd: number): number => Math.max(before + size, windowsEnd);

const noBorders: Borders = [
  [0, 0],
  [0, 0],
];

/** The padding of an axis by name, or in pixels. */
const along = (padding: Padding, axis: 0 | 1): "same" | Borders[number] =>
  padding === "same" ? padding : (padding === "valid" ? noBorders : padding)[axis];

/** True where the first or the last window reads no pixel of the image. */
const readsNothing = ({ out, before }: AxisGeometry, size: number, extent: number, stride: number): boolean =>
  before >= extent || (out - 1) * stride >= before + size;

/**
 * The windows of `layer` over images of the shape `input`. Throws "shape" for an input that is no image, and for a
 * window larger than the padded image. Throws "shape" too for sizes beyond the core's, and for a pool whose windows read
 * padding alone.
 */
export function windowGeometry(layer: string, input: Shape, windows: Windows): WindowGeometry {
  const [height, width, channels] = input;
  if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    const remedy = "Give the network an inputShape of [height, width, channels], and flatten only after this layer.";
    throw misfit(layer, "images [height, width, channels]", input, remedy);
  }
  const { strides, dilation = [1, 1], padding, weights } = windows;
  const [kernelHeight, kernelWidth] = windows.kernel === "whole" ? [height, width] : windows.kernel;
  const [extentHeight, extentWidth] = extentOf([kernelHeight, kernelWidth], dilation);
  const rows = axisGeometry(height, extentHeight, strides[0], along(padding, 0));
  const columns = axisGeometry(width, extentWidth, strides[1], along(padding, 1));
  if (rows.out === 0 || columns.out === 0) {
    const withBorders = typeof padding === "string" ? "" : " with its padding";
    throw misfit(
      layer,
      `an image of at least [${extentHeight}, ${extentWidth}] pixels${withBorders}, the size of the window`,
      input,
      'Give padding: "same", or a smaller window, or pool less in front of this layer.',
    );
  }
  const isPool = weights === undefined;
  const outside =
    readsNothing(rows, height, extentHeight, strides[0]) || readsNothing(columns, width, extentWidth, strides[1]);
  if (isPool && outside) {
    throw misfit(
      layer,
      "windows that each hold a pixel of the image",
      input,
      `Pad by less than the window, [${extentHeight}, ${extentWidth}], on every side.`,
    );
  }
  const filters = weights?.filters ?? channels;
  // A pool's windows are clipped and it has no weights, so only its output counts.
  const taps = isPool ? 0 : kernelHeight * kernelWidth * (weights.channels ?? channels);
  const sizes = isPool ? [] : [rows.padded * columns.padded * channels, taps * filters];
  if (Math.max(...sizes, rows.out * columns.out * filters) > limits.elements || taps > limits.dimension) {
    const expected = `windows of at most ${limits.dimension} elements and tensors of at most ${limits.elements}`;
    throw misfit(layer, expected, input, "Give fewer filters, a smaller kernel or smaller images.");
  }
  return {
    height,
    width,
    channels,
    kernelHeight,
    kernelWidth,
    strideHeight: strides[0],
    strideWidth: strides[1],
    dilationHeight: dilation[0],
    dilationWidth: dilation[1],
    padTop: rows.before,
    padLeft: columns.before,
    paddedHeight: rows.padded,
    paddedWidth: columns.padded,
    outHeight: rows.out,
    outWidth: columns.out,
    filters,
    padValue: weights?.padValue ?? "zero",
  };
}
