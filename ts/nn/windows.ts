/**
 * Windows that slide over images. Their geometry is TensorFlow's:
 *
 *   SAME    out = ceil(in / stride), pad = max((out - 1) stride + kernel - in, 0), before = floor(pad / 2)
 *   VALID   out = floor((in - kernel) / stride) + 1, no padding
 *   given   out = floor((before + in + behind - kernel) / stride) + 1, as in PyTorch
 *   padded  max(before + in, (out - 1) stride + kernel): rows (columns) of the padded image that the core works on
 *
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

interface AxisGeometry {
  readonly out: number;
  readonly before: number;
  readonly padded: number;
}

/** One axis of a window; `out` is 0 where the kernel does not fit. */
function axisGeometry(size: number, kernel: number, stride: number, padding: "same" | Borders[number]): AxisGeometry {
  if (padding === "same") {
    const out = Math.ceil(size / stride);
    const before = Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2);
    return { out, before, padded: paddedSize(size, before, (out - 1) * stride + kernel) };
  }
  const [before, behind] = padding;
  const room = before + size + behind - kernel;
  const out = room < 0 ? 0 : Math.floor(room / stride) + 1;
  return { out, before, padded: paddedSize(size, before, (out - 1) * stride + kernel) };
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
const readsNothing = ({ out, before }: AxisGeometry, size: number, kernel: number, stride: number): boolean =>
  before >= kernel || (out - 1) * stride >= before + size;

/**
 * The windows of `layer` over images of the shape `input`. Throws "shape" for an input that is no image, and for a
 * kernel larger than the padded image. Throws "shape" too for sizes beyond the core's, and for a pool whose windows read
 * padding alone.
 */
export function windowGeometry(layer: string, input: Shape, windows: Windows): WindowGeometry {
  const [height, width, channels] = input;
  if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    const remedy = "Give the network an inputShape of [height, width, channels], and flatten only after this layer.";
    throw misfit(layer, "images [height, width, channels]", input, remedy);
  }
  const { strides, padding, weights } = windows;
  const [kernelHeight, kernelWidth] = windows.kernel === "whole" ? [height, width] : windows.kernel;
  const rows = axisGeometry(height, kernelHeight, strides[0], along(padding, 0));
  const columns = axisGeometry(width, kernelWidth, strides[1], along(padding, 1));
  if (rows.out === 0 || columns.out === 0) {
    const withBorders = typeof padding === "string" ? "" : " with its padding";
    throw misfit(
      layer,
      `an image of at least [${kernelHeight}, ${kernelWidth}] pixels${withBorders}, the size of the window`,
      input,
      'Give padding: "same", or a smaller window, or pool less in front of this layer.',
    );
  }
  const isPool = weights === undefined;
  const outside =
    readsNothing(rows, height, kernelHeight, strides[0]) || readsNothing(columns, width, kernelWidth, strides[1]);
  if (isPool && outside) {
    throw misfit(
      layer,
      "windows that each hold a pixel of the image",
      input,
      `Pad by less than the window, [${kernelHeight}, ${kernelWidth}], on every side.`,
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
