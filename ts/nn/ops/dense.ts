/** Matrix product of rows with a kernel `[inputs, units]`. A vector is one row, and of more axes the last one is multiplied. */
import { type FieldsFor, integer } from "../fields.ts";
import { limits } from "../limits.ts";
import { misfit, rowsOf } from "../shapes.ts";
import { keepsShape, operation } from "./op.ts";
import { checkAccumulator, kernelOperands, kernelParameters, type ProductOptions, productFields } from "./product.ts";

export interface DenseOptions extends ProductOptions {
  /** Outputs, 1 .. 65536. */
  readonly units: number;
}

const fields = { units: integer(1, limits.filters), ...productFields } satisfies FieldsFor<DenseOptions>;

export const dense = operation({
  name: "dense",
  kind: "dense",
  inputs: 1,
  fields,
  rule: checkAccumulator,
  shape: (given, attributes, layer) => {
    const input = keepsShape(given, attributes, layer);
    const { units } = attributes;
    const { channels: inputs } = rowsOf(input);
    if (inputs > limits.dimension || inputs * units > limits.elements) {
      const expected = `at most ${limits.dimension} inputs and ${limits.elements} weights`;
      throw misfit(layer, expected, input, "Give fewer units, or pool in front of this layer.");
    }
    return [...input.slice(0, -1), units];
  },
  parameters: ([input], attributes) => kernelParameters([rowsOf(input).channels, attributes.units], attributes),
  operands: kernelOperands,
  work: ([input], _output, { units }) => {
    const { rows, channels } = rowsOf(input);
    return rows * channels * units;
  },
  is: { kernel: true, product: true },
});
