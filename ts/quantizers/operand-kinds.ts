/**
 * Facts of a quantizer that graphs are made of: the operands that it is for, whether they end as bits, and the sizes of its own
 * tensors. Pages that run models ask for no more, so this module imports none that calculates.
 */
import { forwardMapParameters } from "./map-names.ts";
import { learnedMaps } from "./maps/record.ts";
import type { ForwardMap, Quantizer } from "./quantizer.ts";

/** True for a map whose parameters every layer learns for itself. */
export const isLearnedMap = (map: ForwardMap): map is (typeof learnedMaps)[number] =>
  (learnedMaps as readonly string[]).includes(map);

/** A number that each layer learns for its quantizer, and what it begins with. */
export interface LearnedNumber {
  readonly name: string;
  readonly initial: number;
}

/** The numbers of `quantizer` that layers learn, in the order in which its maps read them; none for most. */
export function learnedNumbers({ forward, parameters }: Quantizer): readonly LearnedNumber[] {
  if (!isLearnedMap(forward)) return [];
  return forwardMapParameters[forward].map((name, i) => {
    const start = parameters[i];
    if (start?.kind !== "constant") throw new Error("a number that is learned has no schedule");
    return { name, initial: start.value };
  });
}

/** True where a quantizer standardises what it maps, or does all it does between steps (rPC): only weights have either. */
export const isForWeightsAlone = ({ standardize, forward, restart }: Quantizer): boolean =>
  standardize !== "none" || (forward === "identity" && restart !== "identity");

/**
 * True where the operand is -1 or +1 in the end. Levels are not, nor are AdaBin's weights, of which each filter has two
 * values.
 */
export const endsAsSigns = ({ hard, standardize }: Quantizer): boolean => hard === "sign" && standardize !== "adabin";

/**
 * The two values of activations of which the layer learns a size a and a place: -a and +a are "signs", 0 and a are "levels". Null for
 * all others. They may travel as bits, and a is a factor of the sums then.
 */
export function elasticValues({ forward }: Quantizer): "signs" | "levels" | null {
  if (forward === "elasticSign") return "signs";
  return forward === "elasticUnit" ? "levels" : null;
}

/** True where the operand is -a or +a in the end, of which a is 1 or a size that its layer learns. */
export const endsAsSizedSigns = (quantizer: Quantizer): boolean =>
  endsAsSigns(quantizer) || elasticValues(quantizer) === "signs";

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
