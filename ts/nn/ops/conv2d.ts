/** Convolution of images with a kernel `[kernelHeight, kernelWidth, channels, filters]` (HWIO). */
import {
  type FieldsFor,
  type GivenPadding,
  integer,
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
}

const fields = {
  filters: integer(1, limits.filters),
  kernelSize: pair(),
  strides: optional(pair(), 1),
  padding: optional(padding(), "valid"),
  padValue: optional(word(padValues), "zero"),
  ...productFields,
} satisfies FieldsFor<Conv2dOptions>;

type Attributes = ValuesOf<typeof fields>;

function windows(input: Shape, attributes: Attributes, layer: string): WindowGeometry {
  const { kernelSize: kernel, strides, padding, filters, padValue } = attributes;
  return windowGeometry(layer, input, { kernel, strides, padding, weights: { filters, padValue } });
}

const kernelShape = (input: Shape, { kernelSize, filters }: Attributes): Shape => [
  ...kernelSize,
  input.at(-1) ?? 0,
  filters,
];

export const conv2d = operation({
  name: "conv2d",
  kind: "conv2d",
  inputs: 1,
  fields,
  rule: checkAccumulator,
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
