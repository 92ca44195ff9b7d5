/** The parameters of maps. One name means the same in every map that has it. */
import type { backwardMapParameters, forwardMapParameters } from "../map-numbers.ts";

type NamesOf<Maps extends Readonly<Record<string, readonly string[]>>> = Maps[keyof Maps][number];

export type ParameterName = NamesOf<typeof forwardMapParameters> | NamesOf<typeof backwardMapParameters>;

/**
 * The range of each parameter. The bounds at 1e-6 and 1e6 keep 1/t, k t and beta x within f32 for every f32 that a network
 * produces in practice; a steeper map is no different from the sign. The cost of its sum bounds n.
 */
export const parameterRanges: Readonly<Record<ParameterName, readonly [least: number, most: number]>> = Object.freeze({
  rho: [0, 1e6],
  varrho: [0, 1],
  beta: [1e-6, 1e6],
  t: [1e-6, 1e6],
  lambda: [0, 1e6],
  levels: [1, 65_535],
  o: [1, 1000],
  n: [0, 100],
  width: [0, 1e6],
  alpha: [1e-5, 1e6],
  offset: [-1e6, 1e6],
});
