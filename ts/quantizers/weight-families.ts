/**
 * Named quantizers of weights that do more than map them one by one: they scale the layer's sums, or standardise the latent
 * weights before their maps read them. Activations take another quantizer, or, where nothing is standardised, the maps alone.
 *
 *   name              w' = S(w)                      F(w')   B(w')         scale of the sums     source
 *   xnor              w                              sign    1             mean |w|, filter      XNOR-Net, LSBQ
 *   magnitude-aware   w                              sign    1_[|w| <= 1]  mean |w|, filter      Bi-Real Net
 *   adabin            (w - mean) / std, by filter    sign    EDE'          -; std F + mean       AdaBin
 *
 * A scale has no gradient of its own. Latent weights are never clipped.
 */
import { plainObject, type Subject } from "../checks.ts";
import { checkQuantizer } from "./check.ts";
import type { EdeOptions, QuantizerOptions } from "./families.ts";
import type { GivenQuantizer, Quantizer } from "./quantizer.ts";
import { logLinear } from "./schedule.ts";

type Family = Pick<GivenQuantizer, "forward" | "backward" | "parameters" | "scale" | "standardize">;

/** The quantizer of `family` under `name`, with what `options` override; `known` are the other options that it takes. */
function make(name: string, family: Family, options: unknown, known: readonly string[] = []): Quantizer {
  const subject: Subject = { code: "argument", what: `quantizer "${name}"` };
  const given = plainObject(options, ["name", "hardenAt", "clipLatent", ...known], subject);
  const { hardenAt = 1, clipLatent = 0 } = given;
  return checkQuantizer({ ...family, name: given.name ?? name, hardenAt, clipLatent }, subject);
}

/** XNOR-Net's weights, alpha sign(w) with alpha = mean |w| of the filter, straight through. */
export function xnor(options: QuantizerOptions = {}): Quantizer {
  return make("xnor", { forward: "sign", backward: "one", parameters: [], scale: "filter" }, options);
}

/** Bi-Real Net's magnitude-aware weights: alpha sign(w) with alpha = mean |w| of the filter, B = 1 where |w| <= 1. */
export function magnitudeAware(options: QuantizerOptions = {}): Quantizer {
  return make("magnitude-aware", { forward: "sign", backward: "box", parameters: [], scale: "filter" }, options);
}

/** AdaBin's weights, std sign((w - mean) / std) + mean of the filter, with EDE's derivative. They are a real operand. */
export function adabin(options: EdeOptions = {}): Quantizer {
  const parameters = [options.t ?? logLinear(1e-3, 10)] as GivenQuantizer["parameters"];
  return make("adabin", { forward: "sign", backward: "edePrime", parameters, standardize: "adabin" }, options, ["t"]);
}
