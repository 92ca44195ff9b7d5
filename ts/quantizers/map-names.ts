/**
 * The maps by name: their numbers and parameters, and which may stand first. The check of a file asks for these alone, so that it
 * pulls in no definition (`maps.ts`).
 */
import * as numbers from "./map-numbers.ts";
import type { ParameterName } from "./maps/parameters.ts";
import { fallingMaps, learnedMaps } from "./maps/record.ts";
import type { BackwardMap, ForwardMap } from "./quantizer.ts";

export const forwardMapNumbers: Readonly<Record<ForwardMap, number>> = Object.freeze(numbers.forwardMapNumbers);
export const backwardMapNumbers: Readonly<Record<BackwardMap, number>> = Object.freeze(numbers.backwardMapNumbers);

type Parameters<Map extends string> = Readonly<Record<Map, readonly ParameterName[]>>;

export const forwardMapParameters: Parameters<ForwardMap> = Object.freeze(numbers.forwardMapParameters);
export const backwardMapParameters: Parameters<BackwardMap> = Object.freeze(numbers.backwardMapParameters);

export const forwardMaps = Object.keys(forwardMapNumbers) as readonly ForwardMap[];
export const backwardMaps = Object.keys(backwardMapNumbers) as readonly BackwardMap[];

/**
 * Maps that may stand first, as P: those that no parameter makes fall anywhere (a scalar map is the proximal map of some
 * function iff it is non-decreasing with a closed graph), and that learn nothing. Nobody knows that of samples.
 */
export const proximalMaps: readonly ForwardMap[] = forwardMaps.filter(
  (map) => map !== "table" && !([...fallingMaps, ...learnedMaps] as readonly string[]).includes(map),
);
