/**
 * Convolution of images with a kernel `[kernelHeight, kernelWidth, channels / groups, filters]` (HWIO, as in Keras).
 *
 *   y(oy, ox, o) = sum over r, s, c of x(oy sh + r dh - before, ox sw + s dw - before, c) w(r, s, c, o)
 *
 * Strides are sh and sw, dilations dh and dw: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions",
 * ICLR 2016, equation 2. In groups, filter o reads the channels of its own group alone.
 */
import {
  type FieldsFor,
  type GivenPadding,
  integer,
  neutral,
  optional,
  padding,
  pair,
  type Size,
  type ValuesOf,
  word,
} from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, type Shape } from "../shapes.ts";
import { type WindowGeometry, windowGeometry } from "../windows.ts";
import { type PadValue, padValues } from "../words.ts";
import { channelsOfGroup, checkGroups, groupsOf } from "./channel-groups.ts";
import { checkDilation, dilationOf } from "./dilation.ts";
import { operation } from "./op.ts";
import { checkAccumulator, kernelOperands, kernelParameters, type ProductOptions, productFields } from "./product.ts";

export interface Conv2dOptions extends ProductOptions {
  /** Output channels, 1 .. 65536. */
  readonly filters: number;
  /** Pixels of the window, 1 .. 256 along each axis. */
  readonly kernelSize: Size;
  /** Default 1. */
  readonly strides?: Size | undefined;
  /**
   * Default "valid", as in Keras. Pixels are PyTorch's padding: a number, `[height, width]`, or
   * `[[top, bottom], [left, right]]`.
   */
  readonly padding?: GivenPadding | undefined;
  /** The border's value; "one" is free of cost for +-1 operands. Default "zero". */
  readonly padValue?: PadValue | undefined;
  /** Pixels from a tap to the next, 1 .. 256. Beside strides it is 1, as in Keras. Default 1. */
  readonly dilationRate?: Size | undefined;
  /** Groups of channels and of filters, a divisor of both. A filter reads the channels of its group. Default 1. */
  readonly groups?: number | undefined;
}

const fields = {
  filters: integer(1, limits.filters),
  kernelSize: pair(),
  strides: optional(pair(), 1),
  padding: optional(padding(), "valid"),
  padValue: optional(word(padValues), "zero"),
  dilationRate: neutral(pair(), 1),
  groups: neutral(integer(1, limits.filters), 1),
  ...productFields,
} satisfies FieldsFor<Conv2dOptions>;

type Attributes = ValuesOf<typeof fields>;

function windows(input: Shape, attributes: Attributes, layer: string): WindowGeometry {
  const { kernelSize: kernel, strides, padding, filters, padValue } = attributes;
  const [dilation, channels] = [dilationOf(attributes), channelsOfGroup(input, attributes, layer)];
  return windowGeometry(layer, input, { kernel, strides, dilation, padding, weights: { filters, padValue, channels } });
}

const kernelShape = (input: Shape, attributes: Attributes): Shape => [
  ...attributes.kernelSize,
  (input.at(-1) ?? 0) / groupsOf(attributes),
  attributes.filters,
];

export const conv2d = operation({
  name: "conv2d",
  kind: "conv2d",
  inputs: 1,
  fields,
  rule: (attributes, subject) => {
    checkAccumulator(attributes, subject);
    checkDilation(attributes, subject);
    checkGroups(attributes, subject);
  },
  windows,
  shape: ([input], attributes, layer) => {
    const { outHeight, outWidth, filters } = windows(input, attributes, layer);
    return [outHeight, outWidth, filters];
  },
  parameters: ([input], attributes) => kernelParameters(kernelShape(input, attributes), attributes),
  operands: kernelOperands,
  // Each weight meets each pixel of the output once.
  work: ([input], output, attributes) => elementsOf(output.slice(0, -1)) * elementsOf(kernelShape(input, attributes)),
  is: { kernel: true, product: true, windowed: true },
});
