/** Rows and columns of zeros around images, as Keras's ZeroPadding2D. */
import { integerIn, listOf, type Subject } from "../../base/checks.ts";
import { type Field, type FieldsFor, type LayerOptions, optional } from "../fields.ts";
import { limits } from "../limits.ts";
import { misfit } from "../shapes.ts";
import { operation } from "./op.ts";

/** Rows above and below, then columns to the left and to the right. */
type Border = readonly [readonly [number, number], readonly [number, number]];

/** One number for all sides, one for above and below and one for left and right, or one for each side. */
export type BorderSize = number | readonly [number, number] | Border;

export interface ZeroPadding2dOptions extends LayerOptions {
  /** A number, [height, width] or [[top, bottom], [left, right]], each from 0 to 256. Default 1. */
  readonly padding?: BorderSize | undefined;
}

function bothOf(value: unknown, option: string, subject: Subject): readonly [number, number] {
  const [before, behind] = listOf(value, 2, 2, option, subject);
  return Object.freeze([
    integerIn(before, 0, limits.window, option, subject),
    integerIn(behind, 0, limits.window, option, subject),
  ] as const);
}

const padding: Field<Border, BorderSize> = {
  describe: `a number from 0 to ${limits.window}, [height, width] or [[top, bottom], [left, right]]`,
  check: (value, option, subject) => {
    const [rows, columns] = listOf(value, 2, 2, option, subject);
    return Object.freeze([bothOf(rows, option, subject), bothOf(columns, option, subject)] as const);
  },
  expand: (given) => {
    const sides = Array.isArray(given) ? given : [given, given];
    return sides.map((side: unknown) => (typeof side === "number" ? [side, side] : side));
  },
};

const fields = { padding: optional(padding, 1) } satisfies FieldsFor<ZeroPadding2dOptions>;

export const zeroPadding2d = operation({
  name: "zeroPadding2d",
  kind: "zero_padding2d",
  inputs: 1,
  fields,
  shape: ([input], { padding: [rows, columns] }, layer) => {
    const [height, width, channels] = input;
    if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
      throw misfit(layer, "images [height, width, channels]", input, "Make images of it by layers.reshape().");
    }
    return [rows[0] + height + rows[1], columns[0] + width + columns[1], channels];
  },
});
