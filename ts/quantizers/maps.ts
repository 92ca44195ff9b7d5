/**
 * Forward maps F and backward maps B: the table of their records (`maps/`), and what a quantizer makes of them in f64. The
 * core has its own f32 versions; the definitions here are an independent twin, to read and to test against.
 *
 * PC++ (Lu et al., NeurIPS 2023, arXiv 2402.17710) pairs them. `p` holds a map's parameters in the core's order, as
 * `forwardMapParameters` and `backwardMapParameters` name them.
 */
import { reading } from "../base/checks.ts";
import { forwardMapParameters } from "./map-names.ts";
import { box, clippedBox, hardTanh, unitBox } from "./maps/boxes.ts";
import { elasticBox, elasticSign, elasticUnit, elasticUnitBox } from "./maps/elastic.ts";
import { fdaPrime, rbnnPrime, restePrime } from "./maps/estimators.ts";
import { gelu, geluPrime } from "./maps/gelu.ts";
import { symmetricLevels, unitLevels } from "./maps/levels.ts";
import { piecewiseLinear } from "./maps/piecewise-linear.ts";
import { poly, polyPrime } from "./maps/poly.ts";
import { proxQuant } from "./maps/prox-quant.ts";
import type { BackwardRecord, ForwardRecord } from "./maps/record.ts";
import { relu, relu6, relu6Prime, reluPrime } from "./maps/relu.ts";
import { given, interpolate } from "./maps/sampled.ts";
import { sigmoid, sigmoidPrime } from "./maps/sigmoid.ts";
import { sign } from "./maps/sign.ts";
import { signSwish, signSwishPrime } from "./maps/sign-swish.ts";
import { identity, one } from "./maps/straight.ts";
import { ede, edePrime, tanh, tanhPrime } from "./maps/tanh.ts";
import type { BackwardMap, ForwardMap, MapTable } from "./quantizer.ts";

export {
  backwardMapNumbers,
  backwardMapParameters,
  backwardMaps,
  forwardMapNumbers,
  forwardMapParameters,
  forwardMaps,
  proximalMaps,
} from "./map-names.ts";
export type { ParameterName } from "./maps/parameters.ts";
export { encodeTable } from "./maps/sampled.ts";

/** Maps of the core's own; one out of samples has no definition but its table. */
type Own<Map extends string> = Exclude<Map, "table">;

const forwardRecords: { readonly [Name in Own<ForwardMap>]: ForwardRecord<Name> } = {
  identity,
  sign,
  piecewiseLinear,
  hardTanh,
  signSwish,
  poly,
  ede,
  tanh,
  proxQuant,
  unitLevels,
  symmetricLevels,
  relu,
  relu6,
  sigmoid,
  gelu,
  elasticSign,
  elasticUnit,
};

const backwardRecords: { readonly [Name in Own<BackwardMap>]: BackwardRecord<Name> } = {
  one,
  box,
  polyPrime,
  signSwishPrime,
  edePrime,
  tanhPrime,
  rbnnPrime,
  restePrime,
  fdaPrime,
  unitBox,
  clippedBox,
  reluPrime,
  relu6Prime,
  sigmoidPrime,
  geluPrime,
  elasticBox,
  elasticUnitBox,
};

/** F(x) is -1 or +1 for every x whatever the parameters. (L with rho >= 1 is hard too, but by its parameter.) */
export function isHardForwardMap(map: ForwardMap): boolean {
  return map !== "table" && forwardRecords[map].isHard === true;
}

type Value = (x: number, ...parameters: readonly number[]) => number;

/** F(x) in f64; `table` holds the samples of the map named "table". */
export function forwardValue(map: ForwardMap, x: number, p: readonly number[], table: MapTable | null = null): number {
  return reading("forwardValue", "the name of a map, a number and a list of parameters", () => {
    if (map === "table") return interpolate(given(table), given(table).forward, x);
    const value: Value = forwardRecords[map].value;
    return value(x, ...p);
  });
}

/** B(x) in f64: what the gradient that arrives at F(x) is multiplied by. */
export function backwardValue(
  map: BackwardMap,
  x: number,
  p: readonly number[],
  table: MapTable | null = null,
): number {
  if (Number.isNaN(x)) return Number.NaN;
  return reading("backwardValue", "the name of a map, a number and a list of parameters", () => {
    if (map === "table") return interpolate(given(table), given(table).backward, x);
    const value: Value = backwardRecords[map].value;
    return value(x, ...p);
  });
}

/** The maps of a quantizer at one moment: F(x) = forward(P(x)), B(x) = backward(P(x)). */
export interface QuantizerMaps {
  readonly proximal: ForwardMap;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  /** Those of P, then those that the other two share. */
  readonly parameters: readonly number[];
  readonly table: MapTable | null;
}

/** A quantizer's parameters: those of its proximal map, and those of the maps that read what it gives. */
export function splitParameters(
  proximal: ForwardMap,
  parameters: readonly number[],
): readonly [proximal: readonly number[], shared: readonly number[]] {
  const own = forwardMapParameters[proximal].length;
  return [parameters.slice(0, own), parameters.slice(own)];
}

/** F(x) in f64; the sign is that of x itself, as it is packed. */
export function quantizedValue({ proximal, forward, parameters, table }: QuantizerMaps, x: number): number {
  if (isHardForwardMap(forward)) return forwardValue(forward, x, []);
  const [own, shared] = splitParameters(proximal, parameters);
  return forwardValue(forward, forwardValue(proximal, x, own), shared, table);
}

/** B(x) in f64. */
export function slopeValue({ proximal, backward, parameters, table }: QuantizerMaps, x: number): number {
  const [own, shared] = splitParameters(proximal, parameters);
  return backwardValue(backward, forwardValue(proximal, x, own), shared, table);
}
