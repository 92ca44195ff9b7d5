/**
 * The product of two values as matrices, image by image: `[rows, terms]` times `[terms, columns]`. A first axis more, the same
 * in both, gives as many products. The second value may be transposed, `[columns, terms]`.
 */
import { endsAsSigns } from "../../quantizers/operand-kinds.ts";
import {
  activationQuantizer,
  boolean,
  type FieldsFor,
  type LayerOptions,
  optional,
  type QuantizerChoice,
  type ValuesOf,
} from "../fields.ts";
import { misfit, type Shape } from "../shapes.ts";
import { operation } from "./op.ts";

export interface MatmulOptions extends LayerOptions {
  /** True where the second value is `[columns, terms]`. Default false. */
  readonly transposeSecond?: boolean | undefined;
  /** Default null. */
  readonly firstQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly secondQuantizer?: QuantizerChoice | undefined;
}

const fields = {
  transposeSecond: optional(boolean(), false),
  firstQuantizer: optional(activationQuantizer(), null),
  secondQuantizer: optional(activationQuantizer(), null),
} satisfies FieldsFor<MatmulOptions>;

type Attributes = ValuesOf<typeof fields>;

/** The sizes of an image's products. */
export interface MatmulSizes {
  readonly products: number;
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
}

/** The sizes that two shapes give; they fit together. */
export function matmulSizes([first, second]: readonly Shape[], transposeSecond: boolean): MatmulSizes {
  const size = (shape: Shape | undefined, axis: number): number => shape?.at(axis) ?? 0;
  return {
    products: first?.length === 3 ? size(first, 0) : 1,
    rows: size(first, -2),
    columns: size(second, transposeSecond ? -2 : -1),
    terms: size(first, -1),
  };
}

export const matmul = operation({
  name: "matmul",
  kind: "matmul",
  inputs: 2,
  fields,
  shape: (inputs, { transposeSecond }: Attributes, layer) => {
    const [first, second] = inputs;
    if (first.length !== 2 && first.length !== 3) {
      throw misfit(layer, "matrices of 2 axes, or of 3 for several products", first, "Put layers.reshape() in front.");
    }
    const { rows, columns, terms } = matmulSizes(inputs, transposeSecond);
    const before = first.slice(0, -2);
    const wanted = transposeSecond ? [...before, columns, terms] : [...before, terms, columns];
    if (second.length !== first.length || second.some((size, axis) => size !== wanted[axis])) {
      const expected = `a second value [${[...before, ...(transposeSecond ? ["columns", terms] : [terms, "columns"])].join(", ")}]`;
      throw misfit(layer, expected, second, "Turn it by transposeSecond or layers.permute(), or make it of that size.");
    }
    return [...before, rows, columns];
  },
  operands: ({ firstQuantizer, secondQuantizer }) => [
    { operand: "activation", at: 0, option: "firstQuantizer", plural: "first values", quantizer: firstQuantizer },
    { operand: "activation", at: 1, option: "secondQuantizer", plural: "second values", quantizer: secondQuantizer },
  ],
  // Signs beside reals are multiplied as reals.
  products: ({ firstQuantizer, secondQuantizer }) => {
    const areBits = [firstQuantizer, secondQuantizer].every((own) => own !== null && endsAsSigns(own));
    return [areBits ? 2 : 0] as const;
  },
  work: (inputs, _output, { transposeSecond }) => {
    const { products, rows, columns, terms } = matmulSizes(inputs, transposeSecond);
    return products * rows * columns * terms;
  },
});
