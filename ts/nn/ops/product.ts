/**
 * Operations with a kernel have perhaps a bias, and two operands that quantizers act on. "binary" layers quantize both.
 * Among them, a convolution and a dense layer are products, whose sums may be kept in 8 bits.
 */
import type { Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { endsAsSigns } from "../../quantizers/operand-kinds.ts";
import {
  type AccumulatorChoice,
  accumulator,
  activationQuantizer,
  boolean,
  type FieldsFor,
  type LayerOptions,
  optional,
  type QuantizerChoice,
  type ValuesOf,
  weightQuantizer,
  word,
} from "../fields.ts";
import { kernelMatrix, type Shape } from "../shapes.ts";
import { type Initializer, initializers } from "../words.ts";
import type { Operand, ParameterSpec } from "./op.ts";
import { quantizerParameters } from "./quantizer-parameters.ts";

/** The options of every layer with a kernel. */
export interface KernelOptions extends LayerOptions {
  /** Default true. */
  readonly useBias?: boolean | undefined;
  /** Default "glorotUniform". */
  readonly kernelInitializer?: Initializer | undefined;
  /** Default null. */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly activationQuantizer?: QuantizerChoice | undefined;
}

/** The options that conv2d and dense share. */
export interface ProductOptions extends KernelOptions {
  /** "saturate" or "wrap": +-1 products are added up in 8 bits. Needs both quantizers. Default null. */
  readonly accumulator?: AccumulatorChoice | undefined;
}

export const kernelFields = {
  useBias: optional(boolean(), true),
  kernelInitializer: optional(word(initializers), "glorotUniform"),
  weightQuantizer: optional(weightQuantizer(), null),
  activationQuantizer: optional(activationQuantizer(), null),
} satisfies FieldsFor<KernelOptions>;

export const productFields = {
  ...kernelFields,
  accumulator: optional(accumulator(), null),
} satisfies FieldsFor<ProductOptions>;

type KernelAttributes = ValuesOf<typeof kernelFields>;
type ProductAttributes = ValuesOf<typeof productFields>;

/** An accumulator is for products of +-1 operands alone; sums of soft phases stay real all the same. */
export function checkAccumulator(attributes: ProductAttributes, subject: Subject): void {
  if (attributes.accumulator === null) return;
  const { weightQuantizer, activationQuantizer } = attributes;
  const operands = Object.entries({ weightQuantizer, activationQuantizer });
  const missing = operands.flatMap(([option, found]) => (found === null ? [option] : [])).join(" and ");
  if (missing !== "") {
    throw new ProxbitError(
      subject.code,
      `${subject.what}: an accumulator of 8 bits adds up products of +-1, and the layer has no ${missing}`,
      `Give it ${missing}, or leave the accumulator out.`,
    );
  }
  for (const [option, found] of operands) {
    if (found === null || endsAsSigns(found)) continue;
    throw new ProxbitError(
      subject.code,
      `${subject.what}: an accumulator of 8 bits adds up products of +-1, which ${option} "${found.name}" does not give`,
      "Take a quantizer that ends as signs, or leave the accumulator out.",
    );
  }
}

/** A kernel, a bias for each filter, and the tensors of its quantizer. The filters are the kernel's last axis where no number is given. */
export function kernelParameters(
  shape: Shape,
  attributes: KernelAttributes,
  filters?: number,
): Record<string, ParameterSpec> {
  const { weightQuantizer, kernelInitializer, useBias } = attributes;
  const role = weightQuantizer === null ? "real" : "latent";
  const columns = filters === undefined ? {} : { filters };
  const kernel: ParameterSpec = { role, shape, ...columns, initializer: kernelInitializer };
  const own = weightQuantizer === null ? {} : quantizerParameters(weightQuantizer, kernel);
  if (!useBias) return { kernel, ...own };
  return { kernel, bias: { role: "real", shape: kernelMatrix(kernel).slice(1), initializer: "zeros" }, ...own };
}

export const kernelOperands = (attributes: KernelAttributes): readonly Operand[] => [
  {
    ...{ operand: "weight", at: "kernel", option: "weightQuantizer", plural: "weights" },
    quantizer: attributes.weightQuantizer,
  },
  {
    ...{ operand: "activation", at: 0, option: "activationQuantizer", plural: "activations" },
    quantizer: attributes.activationQuantizer,
  },
];
