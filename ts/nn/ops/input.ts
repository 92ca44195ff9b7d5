/** The images or vectors that a network reads. */
import { integerIn, reject, type Subject } from "../../base/checks.ts";
import type { Field, FieldsFor, LayerOptions } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, type Shape } from "../shapes.ts";
import { operation } from "./op.ts";

/** The numbers of axes that trainer and inference read; the shape rules behind an input know 1 to 4. */
export const inputRanks: readonly number[] = [1, 3];

/** Each axis from 1 to `limits.dimension`. */
function checkShape(value: unknown, option: string, subject: Subject): Shape {
  if (!Array.isArray(value) || !inputRanks.includes(value.length)) {
    const example = Array.isArray(value) && value.length === 2 ? ", for grey images with a last axis of 1" : "";
    reject(subject, option, `[height, width, channels]${example}, or [units]`, value);
  }
  // Array.from, since map alone would leave holes as they are.
  const shape = Array.from(value, (size: unknown) => integerIn(size, 1, limits.dimension, option, subject));
  if (elementsOf(shape) > limits.elements) reject(subject, option, `at most ${limits.elements} elements`, value);
  return Object.freeze(shape);
}

const inputShape: Field<Shape> = { describe: "[height, width, channels], or [units]", check: checkShape };

export interface InputOptions extends LayerOptions {
  /** `[height, width, channels]` or `[units]`, without the batch axis. */
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
