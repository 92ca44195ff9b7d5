/**
 * The elastic quantizers of BiT (Liu et al., "BiT: Robustly Binarized Multi-distilled Transformer", NeurIPS 2022, arXiv
 * 2205.13016), whose numbers a and b every layer learns. Both keep their two values to the end.
 *
 *   name          forward F       backward B           a and b begin at
 *   elastic       a sign(x - b)   1_[|x - b| <= a]     1 and 0
 *   elastic-unit  0 or a          1_[b <= x <= b + a]  1 and 0
 */
import { asItIs, make } from "./make.ts";
import type { Quantizer } from "./quantizer.ts";

/**
 * The numbers that every layer learns begin here: `alpha` from 1e-5 to 1e6 (1), the size of the values, and `offset` (0), the
 * paper's beta.
 */
export interface ElasticOptions {
  readonly name?: string | undefined;
  readonly alpha?: number | undefined;
  readonly offset?: number | undefined;
}

const atRest = { alpha: 1, offset: 0 } as const;

/**
 * BiT's elastic signs for activations of both signs: alpha sign(x - offset). Each layer learns alpha and offset, with gradients
 * sum sign(x - offset) g and -sum g over |x - offset| <= alpha, where the gradient g at the value passes on to x.
 * Liu et al., "BiT: Robustly Binarized Multi-distilled Transformer", NeurIPS 2022, section 3.2.
 */
export function elastic(options: ElasticOptions = {}): Quantizer {
  return make(
    { name: "elastic", forward: "elasticSign", backward: "elasticBox", ...asItIs, defaults: atRest },
    options,
  );
}

/**
 * BiT's elastic levels for activations from 0 on: alpha round(clip(q, 0, 1)), q = (x - offset) / alpha, halves up. Each layer
 * learns alpha and offset, with gradients sum (round(clip q) - q) g inside of 0 <= q <= 1 and sum g above, and -sum g inside,
 * where the gradient g at the value passes on to x. Section 3.2 of the same paper.
 */
export function elasticUnit(options: ElasticOptions = {}): Quantizer {
  return make(
    { name: "elastic-unit", forward: "elasticUnit", backward: "elasticUnitBox", ...asItIs, defaults: atRest },
    options,
  );
}
