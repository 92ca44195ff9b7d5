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
import { checkQuantizer } from "./check.ts";
import type { EdeOptions, QuantizerOptions } from "./families.ts";
import type { GivenQuantizer, Quantizer, Schedule } from "./quantizer.ts";
import { constant, linear, logLinear } from "./schedule.ts";

/** Scale and standardisation are what these quantizers are. */
export type NamedOptions = Omit<QuantizerOptions, "scale" | "standardize">;

type Family = Pick<GivenQuantizer, "forward" | "backward" | "parameters" | "scale" | "standardize" | "hard">;

/** The quantizer of `family` under `name`, with what `options` override; `known` are the other options that it takes. */
function make(name: string, family: Family, options: unknown, known: readonly string[] = []): Quantizer {
  const subject: Subject = { code: "argument", what: `quantizer "${name}"` };
  const given = plainObject(options, ["name", "hardenAt", "clipLatent", ...known], subject);
  const { hardenAt = 1, clipLatent = 0 } = given;
  return checkQuantizer({ ...family, name: given.name ?? name, hardenAt, clipLatent }, subject);
}

/** XNOR-Net's weights, alpha sign(w) with alpha = mean |w| of the filter, straight through. */
export function xnor(options: NamedOptions = {}): Quantizer {
  return make("xnor", { forward: "sign", backward: "one", parameters: [], scale: "filter" }, options);
}

/** Bi-Real Net's magnitude-aware weights: alpha sign(w) with alpha = mean |w| of the filter, B = 1 where |w| <= 1. */
export function magnitudeAware(options: NamedOptions = {}): Quantizer {
  return make("magnitude-aware", { forward: "sign", backward: "box", parameters: [], scale: "filter" }, options);
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
  const parameters = [options.tau ?? linear(0.85, 0.99)] as GivenQuantizer["parameters"];
  const family = { forward: "sign", backward: "clippedBox", parameters, standardize: "filter" } as const;
  return make("recu", family, options, ["tau"]);
}

/**
 * DoReFa-Net's weights, straight through rounding: with one bit mean |w| sign(w), with more 2^bits levels between -1 and 1 of
 * tanh w over its largest magnitude. Levels are a real operand.
 */
export function dorefaWeights(options: DorefaOptions = {}): Quantizer {
  const bits = integerIn(options.bits ?? 1, 1, 8, "bits", { code: "argument", what: 'quantizer "dorefa-weights"' });
  if (bits === 1) {
    return make("dorefa-weights", { forward: "sign", backward: "one", parameters: [], scale: "tensor" }, options, [
      "bits",
    ]);
  }
  const parameters = [constant(2 ** bits - 1)];
  const maps = { forward: "symmetricLevels", backward: "one", parameters } as const;
  return make(`dorefa-weights-${bits}`, { ...maps, standardize: "tanhMax", hard: "levels" }, options, ["bits"]);
}

/** BiPer: sin(omega w), and from `hardenAt` on its sign; on the way back the sine's derivative throughout. */
export function biper(options: BiperOptions = {}): Quantizer {
  const parameters = [constant(options.omega ?? 20)];
  const maps = { forward: "identity", backward: "one", parameters } as const;
  return make("biper", { ...maps, standardize: "sine" }, { hardenAt: 2 / 3, ...options }, ["omega"]);
}

/** AdaBin's weights, std sign((w - mean) / std) + mean of the filter, with EDE's derivative. They are a real operand. */
export function adabin(options: Omit<EdeOptions, "scale" | "standardize"> = {}): Quantizer {
  const parameters = [options.t ?? logLinear(1e-3, 10)] as GivenQuantizer["parameters"];
  return make("adabin", { forward: "sign", backward: "edePrime", parameters, standardize: "adabin" }, options, ["t"]);
}
