/** What the core is given where a quantizer acts: the numbers of its maps, its live parameters, its samples. */
import { at, type Place } from "../../program/place.ts";
import { backwardMapNumbers, forwardMapNumbers, forwardMapParameters } from "../../quantizers/maps.ts";
import type { Mode, QuantizerSite } from "./context.ts";

/** The arguments by which kernels name P and then F or B. */
export interface Maps {
  readonly proximal: number;
  readonly map: number;
  readonly parameters: Place | null;
  readonly table: Place | null;
}

/** F of a site, with its live parameters or those given: the hard sign of x where the mode says so, or the map is sign. */
export function forwardOf(site: QuantizerSite, mode: Mode, parameters: Place = site.parameters): Maps {
  const { proximal, forward, hard: end } = site.quantizer;
  const isSign = forward === "sign" || (mode.hard(site) && end === "sign");
  const maps = isSign
    ? { proximal: forwardMapNumbers.identity, map: forwardMapNumbers.sign }
    : { proximal: forwardMapNumbers[proximal], map: forwardMapNumbers[forward] };
  return { ...maps, parameters, table: site.table };
}

/** The map that makes of latent weights those that the next step goes on from. */
export function restartOf({ quantizer, parameters, table }: QuantizerSite): Maps {
  const { proximal, restart } = quantizer;
  const shared = at(parameters, 4 * forwardMapParameters[proximal].length);
  return { proximal: forwardMapNumbers.identity, map: forwardMapNumbers[restart], parameters: shared, table };
}

/** B of a site, with its live parameters or those given. Without a site B is 1. */
export function backwardOf(site: QuantizerSite | null, parameters: Place | null = site?.parameters ?? null): Maps {
  if (site === null) {
    return { proximal: forwardMapNumbers.identity, map: backwardMapNumbers.one, parameters: null, table: null };
  }
  const { proximal, backward } = site.quantizer;
  return { proximal: forwardMapNumbers[proximal], map: backwardMapNumbers[backward], parameters, table: site.table };
}
