/** The words that an operation's fields choose from. */

export const paddings = ["same", "valid"] as const;
/** Pixels around an image, `[[top, bottom], [left, right]]`. */
export type Borders = readonly [readonly [number, number], readonly [number, number]];
/** TensorFlow's rules by name, or so many pixels on each side. */
export type Padding = (typeof paddings)[number] | Borders;

export const padValues = ["zero", "one"] as const;
export type PadValue = (typeof padValues)[number];

/** The pixels of an enlarged image: those of the image, or others between them. */
export const interpolations = ["nearest", "bilinear"] as const;
export type Interpolation = (typeof interpolations)[number];

export const initializers = [
  ...(["glorotUniform", "glorotNormal", "heUniform", "heNormal", "truncatedNormal"] as const),
  ...(["zeros", "ones"] as const),
] as const;
export type Initializer = (typeof initializers)[number];

export { type FunctionName as ActivationName, functionNames as activations } from "../quantizers/functions.ts";

/** The maps of an attention matrix: A of the scores of a row (`ops/attention.ts`). */
export const attentionMatrices = ["softmax", "threshold", "elastic", "boolean", "sign"] as const;
export type AttentionMatrix = (typeof attentionMatrices)[number];

export const overflows = ["saturate", "wrap"] as const;
export type Overflow = (typeof overflows)[number];

/**
 * A signed accumulator of 8 bits for the sums of a product of +-1 operands. The window is walked tap by tap, rows
 * first. Within a tap, groups of four channels follow each other; the last may be shorter. The exact sum of a group is
 * added. The result is kept in [-128, 127], at the nearest bound or modulo 256. A tap outside the image adds nothing.
 * Gradients are those of the exact sum.
 */
export interface Accumulator {
  readonly bits: 8;
  readonly overflow: Overflow;
}
