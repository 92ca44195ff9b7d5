/**
 * A convolution and a dense layer are products. They have a kernel, perhaps a bias, and two operands that quantizers act
 * on. "binary" layers quantize both.
 */
import type { Subject } from "../../base/checks.ts";
import { ProxbitError } from "../../base/errors.ts";
import { endsAsSigns } from "../../quantizers/weight-quantizers.ts";
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
import type { Shape } from "../shapes.ts";
import { type Initializer, initializers } from "../words.ts";
import type { Operand, ParameterSpec } from "./op.ts";

/** The options that conv2d and dense share. */
export interface ProductOptions extends LayerOptions {
  /** Default true. */
  readonly useBias?: boolean | undefined;
  /** Default "glorotUniform". */
  readonly kernelInitializer?: Initializer | undefined;
  /** Default null. */
  readonly weightQuantizer?: QuantizerChoice | undefined;
  /** Default null. */
  readonly activationQuantizer?: QuantizerChoice | undefined;
  /** "saturate" or "wrap": +-1 products are added up in 8 bits. Needs both quantizers. Default null. */
  readonly accumulator?: AccumulatorChoice | undefined;
}

export const productFields = {
  useBias: optional(boolean(), true),
  kernelInitializer: optional(word(initializers), "glorotUniform"),
  weightQuantizer: optional(weightQuantizer(), null),
  activationQuantizer: optional(activationQuantizer(), null),
  accumulator: optional(accumulator(), null),
} satisfies FieldsFor<ProductOptions>;

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

/** A kernel `[..., filters]`, and a bias for each filter. */
export function productParameters(kernel: Shape, attributes: ProductAttributes): Record<string, ParameterSpec> {
  const { weightQuantizer, kernelInitializer, useBias } = attributes;
  const role = weightQuantizer === null ? "real" : "latent";
  const own = { kernel: { role, shape: kernel, initializer: kernelInitializer } } as const;
  return useBias ? { ...own, bias: { role: "real", shape: [kernel.at(-1) ?? 0], initializer: "zeros" } } : own;
}

export const productOperands = (attributes: ProductAttributes): readonly Operand[] => [
  { operand: "weight", at: "kernel", quantizer: attributes.weightQuantizer },
  { operand: "activation", at: 0, quantizer: attributes.activationQuantizer },
];
