/**
 * Latent weights before their maps: standardised, w' = S(w), and what is taken from them for the layer, its scale or
 * AdaBin's two numbers a filter. All of it is derived anew from the latent weights before each batch, and once more when a
 * network is packed.
 */
import { parameterName } from "../../nn/network.ts";
import type { Quantizer } from "../../quantizers/quantizer.ts";
import { angularFrequency, filterGain, widthPlace } from "../../quantizers/weights.ts";
import type { KernelName } from "../../runtime/exports.ts";
import type { Call } from "../../runtime/program.ts";

/** A kernel of k rows and n filters at `latent`, f32, and the quantizer with its live parameters, four floats. */
export interface LatentWeights {
  readonly node: string;
  readonly latent: number;
  readonly k: number;
  readonly n: number;
  readonly quantizer: Quantizer;
  readonly parameters: number;
}

export interface DerivedWeights {
  /** w', or the latent weights themselves where nothing is standardised. */
  readonly source: number;
  /** alpha of every filter, f32 [n], by which the layer's sums are multiplied; 0 for none. */
  readonly scale: number;
  /** AdaBin: the effective weights are F(w') times `scale` plus `shift`, f32 [n] each. */
  readonly affine: { readonly scale: number; readonly shift: number } | null;
  /** dS, by which the gradient at w' is multiplied: one a filter, or one a weight. */
  readonly slopes: Slopes | null;
  /** The parameters that the maps read: the live ones, or a copy with ReCU's width in it. */
  readonly parameters: number;
  /** To be made in this order before anything above is read. */
  readonly calls: readonly Call[];
}

export interface Slopes {
  readonly address: number;
  readonly count: number;
}

/** Floats of a site's live parameters. */
const PARAMETERS = 4;

/** Plans what is derived from `given` in memory that `allocate` hands out. */
export function deriveWeights(given: LatentWeights, allocate: (bytes: number) => number): DerivedWeights {
  const { node, latent, k, n, quantizer } = given;
  const { standardize, scale: over } = quantizer;
  const calls: Call[] = [];
  const call = (kernel: KernelName, ...args: number[]): void => {
    calls.push({ node, kernel, arguments: args });
  };
  const source = standardize === "none" ? latent : allocate(4 * k * n);
  let affine: DerivedWeights["affine"] = null;
  let slopes: Slopes | null = null;
  switch (standardize) {
    case "none":
      break;
    case "filter":
    case "adabin": {
      const statistics = allocate(12 * n);
      call("standardize_filters", latent, k, n, filterGain(quantizer), source, statistics);
      // AdaBin's deviation, on the way out, and dS cancel.
      if (standardize === "filter") slopes = { address: statistics, count: n };
      else affine = { scale: statistics + 4 * n, shift: statistics + 8 * n };
      break;
    }
    case "tanhMax":
      slopes = { address: allocate(4 * k * n), count: k * n };
      call("standardize_tanh", latent, k * n, source, slopes.address);
      break;
    case "sine":
      slopes = { address: allocate(4 * k * n), count: k * n };
      call("standardize_sine", latent, k * n, angularFrequency(quantizer), source, slopes.address);
      break;
  }
  const scale = over === "none" ? 0 : allocate(4 * n);
  if (scale !== 0) call("weight_scale", latent, k, n, Number(over === "tensor"), scale);
  const place = widthPlace(quantizer);
  const parameters = place < 0 ? given.parameters : allocate(4 * PARAMETERS);
  if (place >= 0) call("quantile_width", source, k * n, given.parameters, PARAMETERS, place, parameters);
  return { source, scale, affine, slopes, parameters, calls };
}

/** The weights of a packed file, whose signs or levels stand where latent weights would, with what the file says of them. */
export function packedWeights(
  { node, latent, parameters }: LatentWeights,
  file: ReadonlyMap<string, Float32Array>,
  constant: (values: Float32Array) => number,
): DerivedWeights {
  const tensor = (name: string): number => {
    const found = file.get(parameterName({ name: node }, name));
    return found === undefined ? 0 : constant(found);
  };
  const [scale, shift] = [tensor("scale"), tensor("shift")];
  const affine = shift === 0 ? null : { scale, shift };
  return { source: latent, scale: affine === null ? scale : 0, affine, slopes: null, parameters, calls: [] };
}

/** The call that turns the gradient at w' into that at w, for `count` weights from the one numbered `first` on. */
export function throughStandardization(
  node: string,
  { address, count: period }: Slopes,
  gradient: number,
  first: number,
  count: number,
  size: number,
): Call {
  const factors = period === size ? [address + 4 * first, count, 0] : [address, period, first % period];
  return { node, kernel: "multiply_columns", arguments: [gradient, count, ...factors] };
}
