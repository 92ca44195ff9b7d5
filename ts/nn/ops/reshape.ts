/** The same numbers in the same order under another shape, as Keras's Reshape. */
import { integerIn, listOf, reject } from "../../base/checks.ts";
import type { Field, FieldsFor, LayerOptions } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, misfit, type Shape } from "../shapes.ts";
import { keepsShape, operation } from "./op.ts";

export interface ReshapeOptions extends LayerOptions {
  /** The shape without the batch, of 1 to 4 axes. One of them may be -1, and has all elements that the others leave. */
  readonly targetShape: Shape;
}

const expected = `a shape of 1 to ${limits.rank} axes, at most one of them -1`;

const targetShape: Field<Shape> = {
  describe: expected,
  check: (value, option, subject) => {
    const shape = listOf(value, 1, limits.rank, option, subject).map((size) =>
      size === -1 ? -1 : integerIn(size, 1, limits.dimension, option, subject),
    );
    if (shape.filter((size) => size === -1).length > 1) reject(subject, option, expected, value);
    return Object.freeze(shape);
  },
};

const fields = { targetShape } satisfies FieldsFor<ReshapeOptions>;

export const reshape = operation({
  name: "reshape",
  kind: "reshape",
  inputs: 1,
  fields,
  shape: (inputs, attributes, layer) => {
    const input = keepsShape(inputs, attributes, layer);
    const given = attributes.targetShape;
    const known = elementsOf(given.filter((size) => size !== -1));
    const rest = elementsOf(input) / known;
    if (!Number.isInteger(rest) || (rest !== 1 && !given.includes(-1))) {
      const elements = given.includes(-1) ? `a multiple of ${known}` : `${known}`;
      const remedy = "Give a targetShape with as many elements as the input has, or -1 for one of its axes.";
      throw misfit(layer, `${elements} elements for the target shape [${given.join(", ")}]`, input, remedy);
    }
    return given.map((size) => (size === -1 ? rest : size));
  },
  is: { alias: true },
});
