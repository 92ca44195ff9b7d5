/** The values that a network reads: images, vectors, or anything of one to four axes. */
import { integerIn, reject, type Subject } from "../../base/checks.ts";
import type { Field, FieldsFor, LayerOptions } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, type Shape } from "../shapes.ts";
import { operation } from "./op.ts";

const expected = `[height, width, channels], [units], or another shape of 1 to ${limits.rank} axes`;

/** Each axis from 1 to `limits.dimension`. */
function checkShape(value: unknown, option: string, subject: Subject): Shape {
  if (!Array.isArray(value) || value.length < 1 || value.length > limits.rank) reject(subject, option, expected, value);
  // Array.from, since map alone would leave holes as they are.
  const shape = Array.from(value, (size: unknown) => integerIn(size, 1, limits.dimension, option, subject));
  if (elementsOf(shape) > limits.elements) reject(subject, option, `at most ${limits.elements} elements`, value);
  return Object.freeze(shape);
}

const inputShape: Field<Shape> = { describe: expected, check: checkShape };

export interface InputOptions extends LayerOptions {
  /** `[height, width, channels]`, `[units]`, or another shape of 1 to 4 axes, without the batch axis. */
  readonly shape: Shape;
}

const fields = { shape: inputShape } satisfies FieldsFor<InputOptions>;

export const input = operation({
  name: "input",
  kind: "input",
  inputs: 0,
  fields,
  shape: (_inputs, { shape }) => shape,
});
