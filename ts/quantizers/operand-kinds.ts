/**
 * Facts of a quantizer that graphs are made of: the operands that it is for, whether they end as bits, and the sizes of its own
 * tensors. Pages that run models ask for no more, so this module imports none that calculates.
 */
import type { Quantizer } from "./quantizer.ts";

/** True where a quantizer standardises what it maps, or does all it does between steps (rPC): only weights have either. */
export const isForWeightsAlone = ({ standardize, forward, restart }: Quantizer): boolean =>
  standardize !== "none" || (forward === "identity" && restart !== "identity");

/**
 * True where the operand is -1 or +1 in the end. Levels are not, nor are AdaBin's weights, of which each filter has two
 * values.
 */
export const endsAsSigns = ({ hard, standardize }: Quantizer): boolean => hard === "sign" && standardize !== "adabin";

/** The angle that filters of rotated weights begin with: the last parameter, which is constant. */
export function firstAngle({ standardize, parameters }: Quantizer): number {
  const last = parameters.at(-1);
  if (standardize !== "rotation" || last?.kind !== "constant") throw new Error("a quantizer without an angle");
  return last.value;
}

/** The codewords that a layer's 3x3 kernels are made of: the last parameter, which is constant. */
export function codewordCount({ standardize, parameters }: Quantizer): number {
  const last = parameters.at(-1);
  if (standardize !== "codebook" || last?.kind !== "constant") throw new Error("a quantizer without codewords");
  return last.value;
}

/** The hidden units of the network that maps a filter: the last parameter, which is constant. */
export function mappingUnits({ standardize, parameters }: Quantizer): number {
  const last = parameters.at(-1);
  if (standardize !== "mapping" || last?.kind !== "constant") throw new Error("a quantizer without a network");
  return last.value;
}
