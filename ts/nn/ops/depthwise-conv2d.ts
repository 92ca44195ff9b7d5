/**
 * Depthwise convolution: y(p, c m + q) = sum over taps t of x(window(p) + t, c) w(t, c, q), with q in 0 .. m - 1. It maps
 * `[height, width, channels]` to `[outHeight, outWidth, channels m]`, with a kernel `[kernelHeight, kernelWidth, channels,
 * m]` as Keras has it. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
 * Applications", arXiv 1704.04861, equation 3.
 *
 * A filter is one output channel, with kernelHeight x kernelWidth weights. A quantizer's scale and statistics are its own.
 */
import {
  type FieldsFor,
  type GivenPadding,
  integer,
  optional,
  padding,
  pair,
  type Size,
  type ValuesOf,
} from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, misfit, type Shape } from "../shapes.ts";
import { extentOf, type WindowGeometry, windowGeometry } from "../windows.ts";
import { checkDilation } from "./dilation.ts";
import { operation } from "./op.ts";
import { type KernelOptions, kernelFields, kernelOperands, kernelParameters } from "./product.ts";

export interface DepthwiseConv2dOptions extends KernelOptions {
  /** Taps of a filter, 1 .. 256 along each axis. */
  readonly kernelSize: Size;
  /** Default 1. */
  readonly strides?: Size | undefined;
  /**
   * Default "valid", as in Keras. Pixels are PyTorch's padding: a number, `[height, width]`, or
   * `[[top, bottom], [left, right]]`.
   */
  readonly padding?: GivenPadding | undefined;
  /** Filters of each input channel. Default 1. */
  readonly depthMultiplier?: number | undefined;
  /** Pixels from a tap to the next. Beside strides it is 1, as in Keras. Default 1. */
  readonly dilationRate?: Size | undefined;
}

const fields = {
  kernelSize: pair(),
  strides: optional(pair(), 1),
  padding: optional(padding(), "valid"),
  depthMultiplier: optional(integer(1, limits.filters), 1),
  dilationRate: optional(pair(), 1),
  ...kernelFields,
} satisfies FieldsFor<DepthwiseConv2dOptions>;

type Attributes = ValuesOf<typeof fields>;

/** The windows span whole extents, as the kernel reads them. */
function windows(input: Shape, attributes: Attributes, layer: string): WindowGeometry {
  const { kernelSize, strides, dilationRate, padding: border, depthMultiplier } = attributes;
  const filters = (input.at(-1) ?? 0) * depthMultiplier;
  if (filters > limits.filters) {
    throw misfit(layer, `at most ${limits.filters} filters`, input, "Give a lower depthMultiplier.");
  }
  const weights = { filters, padValue: "zero", channels: 1 } as const;
  return windowGeometry(layer, input, {
    kernel: extentOf(kernelSize, dilationRate),
    strides,
    padding: border,
    weights,
  });
}

const kernelShape = (input: Shape, { kernelSize, depthMultiplier }: Attributes): Shape => [
  ...kernelSize,
  input.at(-1) ?? 0,
  depthMultiplier,
];

export const depthwiseConv2d = operation({
  name: "depthwiseConv2d",
  kind: "depthwise_conv2d",
  inputs: 1,
  fields,
  rule: checkDilation,
  windows,
  shape: ([input], attributes, layer) => {
    const { outHeight, outWidth, filters } = windows(input, attributes, layer);
    return [outHeight, outWidth, filters];
  },
  parameters: ([input], attributes) =>
    kernelParameters(kernelShape(input, attributes), attributes, (input.at(-1) ?? 0) * attributes.depthMultiplier),
  operands: kernelOperands,
  work: ([input], output, attributes) => elementsOf(output.slice(0, -1)) * elementsOf(kernelShape(input, attributes)),
  is: { kernel: true, windowed: true },
});
