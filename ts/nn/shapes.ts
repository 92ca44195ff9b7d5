/**
 * Shapes leave out the batch axis. An image is `[height, width, channels]` (NHWC), a vector `[units]`. A value has one
 * to four axes. An operation that works row by row sees any value as a matrix. The last axis is its channels, the
 * others are its rows.
 */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";

/** A shape without its batch axis. */
export type Shape = readonly number[];

export function elementsOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A shape as a matrix. */
export interface Rows {
  readonly rows: number;
  readonly channels: number;
}

/** The rows and channels of a shape; a vector is one row. */
export function rowsOf(shape: Shape): Rows {
  return { rows: elementsOf(shape.slice(0, -1)), channels: shape.at(-1) ?? 0 };
}

/** A kernel as a matrix `[K, filters]`, a column a filter. Its filters are its last axis where nothing else is said. */
export function kernelMatrix({ shape, filters = shape.at(-1) ?? 1 }: KernelShape): readonly [number, number] {
  return [elementsOf(shape) / filters, filters];
}

/** True for a kernel of windows of 3x3. */
export const hasNineTaps = ({ length, 0: height, 1: width }: Shape): boolean =>
  length === 4 && height === 3 && width === 3;

interface KernelShape {
  readonly shape: Shape;
  readonly filters?: number;
}

/** The error for an input that `layer` cannot take. */
export function misfit(layer: string, expected: string, given: Shape, remedy: string): ProxbitError {
  return new ProxbitError("shape", `layer "${layer}": expected ${expected}, was given ${describe(given)}`, remedy);
}

/** The tokens and features of `[tokens, features]`. Throws "shape", naming `layer`, for any other shape. */
export function checkTokens(layer: string, input: Shape): readonly [tokens: number, features: number] {
  const [tokens, features] = input;
  if (input.length === 2 && tokens !== undefined && features !== undefined) return [tokens, features];
  throw misfit(layer, "tokens [tokens, features]", input, "Put layers.reshape() in front of this layer.");
}
