/**
 * The slope that a pair has at an operand's values, which is what lets gradients through to them.
 *
 *   mass     the mean of B over the values
 *   inside   the share of values within the slope's support, where |B(x)| is at least a hundredth of its largest value
 *
 * A slope with an end, such as Poly's, nearly reaches it so: 0.995 of 1. SignSwish and EDE have tails without end. There
 * the hundredth says where too little is left to learn from.
 */
import { pairOf, type Quantizer } from "../../ts/quantizers/index.ts";

export interface Slope {
  readonly mass: number;
  readonly inside: number;
}

/** The share of the largest |B| that a value within the support has. */
export const TAIL = 0.01;

/** Places at which the largest |B| is looked for: 0, and both sides of it, closer together near 0. */
const PLACES = [0, ...Array.from({ length: 400 }, (_, index) => 3 * 0.97 ** index)].flatMap((x) => [x, -x]);

/** The slope of `quantizer` at `progress` in [0, 1] over `values`, at least one of them. */
export function slopeOver(quantizer: Quantizer, progress: number, values: ArrayLike<number>): Slope {
  const { backward } = pairOf(quantizer, progress);
  const edge = TAIL * Math.max(...PLACES.map((x) => Math.abs(backward(x))));
  let [sum, within] = [0, 0];
  for (let index = 0; index < values.length; index += 1) {
    const slope = backward(values[index] as number);
    sum += slope;
    if (Math.abs(slope) >= edge) within += 1;
  }
  return { mass: sum / values.length, inside: within / values.length };
}
