/**
 * Named quantizers of weights that do more than map them one by one: they scale the layer's sums, or standardise the latent
 * weights before their maps read them. Activations take another quantizer, or, where nothing is standardised, the maps alone.
 *
 *   name              w' = S(w)                      F(w')   B(w')         scale of the sums     source
 *   xnor              w                              sign    1             mean |w|, filter      XNOR-Net, LSBQ
 *   magnitude-aware   w                              sign    1_[|w| <= 1]  mean |w|, filter      Bi-Real Net
 *   recu              (w - mean) 2 sqrt 2 / std      sign    1_[|w'| <= Q] -                     ReCU
 *   adabin            (w - mean) / std, by filter    sign    EDE'          -; std F + mean       AdaBin
 *   dorefa-weights    w                              sign    1             mean |w|, tensor      DoReFa-Net, 1 bit
 *     with more bits  tanh w / max |tanh w|          levels  1             -                     DoReFa-Net
 *   biper             sin(w0 w)                      w'      1             -                     BiPer
 *
 * ReCU's Q = -mean |w'| ln(2 - 2 tau) over the tensor, tau rising from .85 to .99. BiPer's weights are the sine itself in its
 * first stage, which is two thirds of the run (600 of 900 epochs), and then its sign. A scale has no gradient of its own.
 * Latent weights are never clipped.
 */
import { integerIn, plainObject, type Subject } from "../checks.ts";
import { checkParameter, checkQuantizer } from "./check.ts";
import type { EdeOptions, QuantizerOptions } from "./families.ts";
import type { GivenQuantizer, Quantizer, Schedule } from "./quantizer.ts";
import { constant, linear, logLinear } from "./schedule.ts";

/** Scale and standardisation are what these quantizers are. */
export type NamedOptions = Omit<QuantizerOptions, "scale" | "standardize">;

type Family = Pick<GivenQuantizer, "forward" | "backward" | "parameters" | "scale" | "standardize" | "hard">;

/**
 * The quantizer that `familyOf` makes of `options`, under `name`, with what they override; `known` are the options that it
 * takes beside the usual ones.
 */
function make<Options extends NamedOptions>(
  name: string,
  options: Options,
  known: readonly (keyof Options & string)[],
  familyOf: (given: Options, subject: Subject) => Family,
  usualHardenAt = 1,
): Quantizer {
  const subject: Subject = { code: "argument", what: `quantizer "${name}"` };
  plainObject(options, ["name", "hardenAt", "clipLatent", ...known], subject);
  const { name: own = name, hardenAt = usualHardenAt, clipLatent = 0 } = options;
  return checkQuantizer({ ...familyOf(options, subject), name: own, hardenAt, clipLatent }, subject);
}

/** XNOR-Net's weights, alpha sign(w) with alpha = mean |w| of the filter, straight through. */
export function xnor(options: NamedOptions = {}): Quantizer {
  return make("xnor", options, [], () => ({ forward: "sign", backward: "one", parameters: [], scale: "filter" }));
}

/** Bi-Real Net's magnitude-aware weights: alpha sign(w) with alpha = mean |w| of the filter, B = 1 where |w| <= 1. */
export function magnitudeAware(options: NamedOptions = {}): Quantizer {
  const family = { forward: "sign", backward: "box", parameters: [], scale: "filter" } as const;
  return make("magnitude-aware", options, [], () => family);
}

/** `tau` in [1/2, 1): the share of weights, by Laplace's distribution, that lies within ReCU's clip. */
export interface RecuOptions extends NamedOptions {
  readonly tau?: number | Schedule | undefined;
}

/** `bits` from 1 to 8, of a weight. */
export interface DorefaOptions extends NamedOptions {
  readonly bits?: number | undefined;
}

/** `omega` > 0: the angular frequency of BiPer's sine. */
export interface BiperOptions extends NamedOptions {
  readonly omega?: number | undefined;
}

/** ReCU: the sign of weights standardised by filter; gradients pass within the tau-quantile, whose clip revives the rest. */
export function recu(options: RecuOptions = {}): Quantizer {
  return make("recu", options, ["tau"], ({ tau = linear(0.85, 0.99) }, subject) => ({
    ...{ forward: "sign", backward: "clippedBox", standardize: "filter" },
    parameters: [checkParameter(tau, "tau", subject)],
  }));
}

/**
 * DoReFa-Net's weights, straight through rounding: with one bit mean |w| sign(w), with more 2^bits levels between -1 and 1 of
 * tanh w over its largest magnitude. Levels are a real operand.
 */
export function dorefaWeights(options: DorefaOptions = {}): Quantizer {
  const bits = options?.bits ?? 1;
  return make(bits === 1 ? "dorefa-weights" : `dorefa-weights-${bits}`, options, ["bits"], (_given, subject) => {
    integerIn(bits, 1, 8, "bits", subject);
    if (bits === 1) return { forward: "sign", backward: "one", parameters: [], scale: "tensor" };
    const maps = { forward: "symmetricLevels", backward: "one", parameters: [constant(2 ** bits - 1)] } as const;
    return { ...maps, standardize: "tanhMax", hard: "levels" };
  });
}

/** BiPer: sin(omega w), and from `hardenAt` on its sign; on the way back the sine's derivative throughout. */
export function biper(options: BiperOptions = {}): Quantizer {
  const family = ({ omega = 20 }: BiperOptions, subject: Subject): Family => ({
    ...{ forward: "identity", backward: "one", standardize: "sine" },
    parameters: [checkParameter(omega, "omega", subject)],
  });
  return make("biper", options, ["omega"], family, 2 / 3);
}

/** AdaBin's weights, std sign((w - mean) / std) + mean of the filter, with EDE's derivative. They are a real operand. */
export function adabin(options: Omit<EdeOptions, "scale" | "standardize"> = {}): Quantizer {
  return make("adabin", options, ["t"], ({ t = logLinear(1e-3, 10) }, subject) => ({
    ...{ forward: "sign", backward: "edePrime", standardize: "adabin" },
    parameters: [checkParameter(t, "t", subject)],
  }));
}
