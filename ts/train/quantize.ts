/** What the core is called with where a quantizer acts: the numbers of its maps, its live parameters, its samples. */
import { backwardMapNumbers, forwardMapNumbers, forwardMapParameters } from "../quantizers/maps.ts";
import type { Mode, QuantizerSite } from "./context.ts";

/** The maps of a site's way forward, by number: the hard sign of x where the mode says so, or the map is sign. */
function forwardMaps({ quantizer }: QuantizerSite, hard: boolean): readonly [proximal: number, map: number] {
  const { proximal, forward, hard: end } = quantizer;
  const isSign = forward === "sign" || (hard && end === "sign");
  return isSign
    ? [forwardMapNumbers.identity, forwardMapNumbers.sign]
    : [forwardMapNumbers[proximal], forwardMapNumbers[forward]];
}

/** The arguments of `quantize_forward`: y = F(x) over `n` numbers, with the site's live parameters or those given. */
export function forwardArguments(
  site: QuantizerSite,
  mode: Mode,
  x: number,
  y: number,
  n: number,
  parameters: number = site.parameters,
): readonly number[] {
  return [...forwardMaps(site, mode.hard(site)), x, y, n, parameters, site.table];
}

/** The arguments of `quantize_forward` that makes of `n` latent weights those that the next step goes on from. */
export function restartArguments(site: QuantizerSite, x: number, y: number, n: number): readonly number[] {
  const { proximal, restart } = site.quantizer;
  const shared = site.parameters + 4 * forwardMapParameters[proximal].length;
  return [forwardMapNumbers.identity, forwardMapNumbers[restart], x, y, n, shared, site.table];
}

/** How the core names B: its maps before the tensors in a call, parameters and samples after them. Without a site B is 1. */
export function slopeOf(site: QuantizerSite | null): {
  readonly maps: readonly [proximal: number, map: number];
  readonly settings: readonly [parameters: number, table: number];
} {
  if (site === null) return { maps: [forwardMapNumbers.identity, backwardMapNumbers.one], settings: [0, 0] };
  const { proximal, backward } = site.quantizer;
  return {
    maps: [forwardMapNumbers[proximal], backwardMapNumbers[backward]],
    settings: [site.parameters, site.table],
  };
}

/** The arguments of `quantize_backward`: gx = gy B(x) over `n` numbers, added to what is there where `accumulate`. */
export function backwardArguments(
  site: QuantizerSite,
  x: number,
  gy: number,
  accumulate: boolean,
  gx: number,
  n: number,
  parameters: number = site.parameters,
): readonly number[] {
  return [...slopeOf(site).maps, x, gy, Number(accumulate), gx, n, parameters, site.table];
}
