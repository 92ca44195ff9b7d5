/**
 * Two tensors one behind the other along an axis: y = [a, b]. Along all other axes they have the same sizes. Keras's
 * Concatenate, whose axes count the batch too.
 */
import { describe } from "../../base/describe.ts";
import { type FieldsFor, integer, type LayerOptions, optional } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, misfit, type Shape } from "../shapes.ts";
import { keepsShape, operation } from "./op.ts";

export interface ConcatenateOptions extends LayerOptions {
  /** The axis, from 0 without the batch, or backwards from -1. Default -1, the channels. */
  readonly axis?: number | undefined;
}

const fields = { axis: optional(integer(-limits.rank, limits.rank - 1), -1) } satisfies FieldsFor<ConcatenateOptions>;

/** The axis of a shape, counted from 0; it may have none there. */
const axisOf = (axis: number, { length }: Shape): number => (axis < 0 ? length + axis : axis);

/** Two shapes as blocks: all that lies before the axis, and the floats of each input's part of a block. */
export interface Blocks {
  readonly blocks: number;
  readonly sizes: readonly [first: number, second: number];
}

/** The blocks of an image. */
export function blocksOf([first, second]: readonly [Shape, Shape], given: number): Blocks {
  const axis = axisOf(given, first);
  const sizes = [elementsOf(first.slice(axis)), elementsOf(second.slice(axis))] as const;
  return { blocks: elementsOf(first.slice(0, axis)), sizes };
}

export const concatenate = operation({
  name: "concatenate",
  kind: "concatenate",
  inputs: 2,
  fields,
  shape: (inputs, attributes, layer) => {
    const [first, second] = inputs;
    const axis = axisOf(attributes.axis, keepsShape(inputs, attributes, layer));
    const along = first[axis];
    if (along === undefined) {
      throw misfit(layer, `an axis ${attributes.axis}`, first, "Give an axis that the inputs have; the batch is none.");
    }
    const isAlike = first.every((size, at) => at === axis || size === second[at]);
    if (first.length !== second.length || !isAlike) {
      throw misfit(
        layer,
        `two inputs that are alike but for axis ${axis}, the first being ${describe(first)}`,
        second,
        "Make both branches end in the same sizes along all other axes, or give another axis.",
      );
    }
    return first.with(axis, along + (second[axis] ?? 0));
  },
});
