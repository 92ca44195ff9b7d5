/** A range along one axis: y = x[.., start .. start + size, ..], as `tf.slice` along that axis. The rank stays. */
import { type FieldsFor, integer, type LayerOptions, optional } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, misfit, type Shape } from "../shapes.ts";
import { keepsShape, operation } from "./op.ts";

export interface SliceOptions extends LayerOptions {
  /** The axis, from 0 without the batch, or backwards from -1. Default 0, the tokens of `[tokens, features]`. */
  readonly axis?: number | undefined;
  /** The first of the range, from 0. Default 0. */
  readonly start?: number | undefined;
  /** The places of the range, from 1. Default 1. */
  readonly size?: number | undefined;
}

const fields = {
  axis: optional(integer(-limits.rank, limits.rank - 1), 0),
  start: optional(integer(0, limits.dimension), 0),
  size: optional(integer(1, limits.dimension), 1),
} satisfies FieldsFor<SliceOptions>;

type SliceAttributes = { readonly [Key in keyof typeof fields]: number };

/** The floats of a block before, in and behind the range, and the blocks of an image. */
export interface SlicedBlocks {
  readonly blocks: number;
  readonly block: number;
  readonly first: number;
  readonly size: number;
}

const axisOf = (axis: number, { length }: Shape): number => (axis < 0 ? length + axis : axis);

/** The blocks of an image of the shape `input`. */
export function slicedBlocks(input: Shape, { axis, start, size }: SliceAttributes): SlicedBlocks {
  const along = axisOf(axis, input);
  const behind = elementsOf(input.slice(along + 1));
  return {
    blocks: elementsOf(input.slice(0, along)),
    block: (input[along] as number) * behind,
    first: start * behind,
    size: size * behind,
  };
}

export const slice = operation({
  name: "slice",
  kind: "slice",
  inputs: 1,
  fields,
  shape: (inputs, attributes, layer) => {
    const input = keepsShape(inputs, attributes, layer);
    const { axis, start, size } = attributes;
    const along = input[axisOf(axis, input)];
    if (along === undefined || start + size > along) {
      const expected = `at least ${start + size} places along axis ${axis}`;
      throw misfit(layer, expected, input, "Give an axis that the input has, and a range that ends within it.");
    }
    return input.with(axisOf(axis, input), size);
  },
});
