/** A maximum pool and an average pool have their fields and windows in common. */
import {
  type FieldsFor,
  type GivenPadding,
  type LayerOptions,
  optional,
  optionalLike,
  padding,
  pair,
  type Size,
  smallWindow,
  type ValuesOf,
} from "../fields.ts";
import type { Shape } from "../shapes.ts";
import { type WindowGeometry, windowGeometry } from "../windows.ts";

/** The options of maxPool2d and avgPool2d. */
export interface Pool2dOptions extends LayerOptions {
  /** Default 2; at most 256 pixels. */
  readonly poolSize?: Size | undefined;
  /** Default: poolSize. */
  readonly strides?: Size | undefined;
  /**
   * Default "valid". Pixels are a number, `[height, width]`, or `[[top, bottom], [left, right]]`. Windows are clipped to
   * the image, and each holds a pixel of it.
   */
  readonly padding?: GivenPadding | undefined;
}

export const poolFields = {
  // The position of a maximum in its window is kept in one byte.
  poolSize: optional(smallWindow(), 2),
  strides: optionalLike(pair(), "poolSize"),
  padding: optional(padding(), "valid"),
} satisfies FieldsFor<Pool2dOptions>;

export type PoolAttributes = ValuesOf<typeof poolFields>;

export function poolWindows(input: Shape, attributes: PoolAttributes, layer: string): WindowGeometry {
  const { poolSize: kernel, strides, padding } = attributes;
  return windowGeometry(layer, input, { kernel, strides, padding });
}

export function poolShape([input]: readonly [Shape], attributes: PoolAttributes, layer: string): Shape {
  const { outHeight, outWidth, filters } = poolWindows(input, attributes, layer);
  return [outHeight, outWidth, filters];
}
