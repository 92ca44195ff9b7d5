/** Matrix product of vectors with a kernel `[inputs, units]`. */
import { type FieldsFor, integer } from "../fields.ts";
import { limits } from "../limits.ts";
import { misfit } from "../shapes.ts";
import { operation } from "./op.ts";
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
  shape: ([input], { units }, layer) => {
    const [inputs] = input;
    if (input.length !== 1 || inputs === undefined) {
      throw misfit(layer, "vectors [units]", input, "Put layers.flatten() in front of this layer.");
    }
    if (inputs > limits.dimension || inputs * units > limits.elements) {
      const expected = `at most ${limits.dimension} inputs and ${limits.elements} weights`;
      throw misfit(layer, expected, input, "Give fewer units, or pool in front of this layer.");
    }
    return [units];
  },
  parameters: ([input], attributes) => kernelParameters([input[0] ?? 0, attributes.units], attributes),
  operands: kernelOperands,
  work: ([input], _output, { units }) => (input[0] ?? 0) * units,
  is: { kernel: true, product: true },
});
