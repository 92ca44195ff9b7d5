/** Axes in another order, as Keras's Permute: axis i of the value is axis dims[i] of the input, counted from 1. */
import { integerIn, listOf, reject } from "../../base/checks.ts";
import type { Field, FieldsFor, LayerOptions } from "../fields.ts";
import { limits } from "../limits.ts";
import { elementsOf, misfit, type Shape } from "../shapes.ts";
import { keepsShape, operation } from "./op.ts";

export interface PermuteOptions extends LayerOptions {
  /** Each axis of the input once, counted from 1 without the batch: [2, 1] exchanges the two axes of a matrix. */
  readonly dims: readonly number[];
}

const expected = `each of the numbers 1 to ${limits.rank}, or to fewer, once`;

const dims: Field<readonly number[]> = {
  describe: expected,
  check: (value, option, subject) => {
    const given = listOf(value, 1, limits.rank, option, subject);
    const found = given.map((axis) => integerIn(axis, 1, given.length, option, subject));
    return new Set(found).size < found.length ? reject(subject, option, expected, value) : Object.freeze(found);
  },
};

const fields = { dims } satisfies FieldsFor<PermuteOptions>;

/** A value's axes after as many of size 1 as make them four: their sizes, and their strides in the input. */
export interface Order {
  readonly size0: number;
  readonly size1: number;
  readonly size2: number;
  readonly size3: number;
  readonly stride0: number;
  readonly stride1: number;
  readonly stride2: number;
  readonly stride3: number;
}

/** The order of the value's axes over the input's memory. */
export function orderOf(input: Shape, given: readonly number[]): Order {
  const before: readonly number[] = new Array(limits.rank - given.length).fill(1);
  const [size0 = 1, size1 = 1, size2 = 1, size3 = 1] = [...before, ...given.map((axis) => input[axis - 1] ?? 1)];
  const strides = [...before, ...given.map((axis) => elementsOf(input.slice(axis)))];
  const [stride0 = 1, stride1 = 1, stride2 = 1, stride3 = 1] = strides;
  return { size0, size1, size2, size3, stride0, stride1, stride2, stride3 };
}

/** The dims that undo these. */
export const inverseOf = (given: readonly number[]): readonly number[] =>
  given.map((_, at) => given.indexOf(at + 1) + 1);

export const permute = operation({
  name: "permute",
  kind: "permute",
  inputs: 1,
  fields,
  shape: (inputs, attributes, layer) => {
    const input = keepsShape(inputs, attributes, layer);
    const { dims: given } = attributes;
    if (input.length !== given.length) {
      const remedy = "Give dims with each axis of the input once.";
      throw misfit(layer, `${given.length} axes, as dims [${given.join(", ")}] has`, input, remedy);
    }
    return given.map((axis) => input[axis - 1] ?? 0);
  },
});
