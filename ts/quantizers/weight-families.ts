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
 *   rbnn-rotated      w2 turned to its rotation      sign    RBNN's        -                     RBNN
 *   noisy             a network's map of the filter  sign    1_[|w'| <= 1] -                     Han et al., 2020
 *   pste              nearest of n codewords         sign    1             -                     PSTE
 *   siman             (|w - mean| - middle) / std    sign    1             -                     SiMaN
 *
 * ReCU's Q = -mean |w'| ln(2 - 2 tau) over the tensor, tau rising from .85 to .99. BiPer's weights are the sine itself in its
 * first stage, which is two thirds of the run (600 of 900 epochs), and then its sign. A scale has no gradient of its own.
 * Latent weights are never clipped. SiMaN clips magnitudes to the percentiles p and 100 - p of their filter, p falling from 15 to
 * 0 in a line; `simanWeights` in weight-quantizers.ts has the rules.
 */
import { integerIn, plainObject, type Subject } from "../base/checks.ts";
import type { EdeOptions, QuantizerOptions } from "./families.ts";
import { asItIs, type Family, make, never } from "./make.ts";
import type { Quantizer, Schedule } from "./quantizer.ts";
import { linear, logLinear } from "./schedule.ts";

/** Scale and standardisation are what these quantizers are. */
export type NamedOptions = Omit<QuantizerOptions, "scale" | "standardize">;

const latent = { hardenAt: never, clipLatent: 0, defaults: {} } as const;

const made = (family: Family, options: NamedOptions): Quantizer => make(family, options, []);

/** XNOR-Net's weights, alpha sign(w) with alpha = mean |w| of the filter, straight through. */
export function xnor(options: NamedOptions = {}): Quantizer {
  return made({ name: "xnor", forward: "sign", backward: "one", scale: "filter", ...latent }, options);
}

/** Bi-Real Net's magnitude-aware weights: alpha sign(w) with alpha = mean |w| of the filter, B = 1 where |w| <= 1. */
export function magnitudeAware(options: NamedOptions = {}): Quantizer {
  return made({ name: "magnitude-aware", forward: "sign", backward: "box", scale: "filter", ...latent }, options);
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
  const maps = { forward: "sign", backward: "clippedBox", standardize: "filter" } as const;
  return made({ name: "recu", ...maps, ...latent, defaults: { tau: linear(0.85, 0.99) } }, options);
}

/**
 * DoReFa-Net's weights, straight through rounding: with one bit mean |w| sign(w), with more 2^bits levels between -1 and 1 of
 * tanh w over its largest magnitude. Levels are a real operand.
 */
export function dorefaWeights(options: DorefaOptions = {}): Quantizer {
  const subject: Subject = { code: "argument", what: 'quantizer "dorefa-weights"' };
  const { bits: given, ...rest } = plainObject(options, ["name", "hardenAt", "clipLatent", "bits"], subject);
  const bits = integerIn(given ?? 1, 1, 8, "bits", subject);
  if (bits === 1) {
    return made({ name: "dorefa-weights", forward: "sign", backward: "one", scale: "tensor", ...latent }, rest);
  }
  const maps = { forward: "symmetricLevels", backward: "one", standardize: "tanhMax" } as const;
  return made({ name: `dorefa-weights-${bits}`, ...maps, ...asItIs, defaults: { levels: 2 ** bits - 1 } }, rest);
}

/** `percentile` from 0 to 25: the share of a filter's magnitudes, in per cent, that is clipped at either end. */
export interface SimanOptions extends NamedOptions {
  readonly percentile?: number | Schedule | undefined;
}

/**
 * SiMaN (Lin et al., TPAMI 2022): +1 for the larger half of a filter's magnitudes about its mean, else -1. Straight through the
 * magnitude, the gradient at w is sign(w - mean) / deviation times that at the weight, and 0 where the magnitude is clipped.
 */
export function siman(options: SimanOptions = {}): Quantizer {
  const maps = { forward: "sign", backward: "one", standardize: "magnitude" } as const;
  return made({ name: "siman", ...maps, ...latent, defaults: { percentile: linear(15, 0) } }, options);
}

/** BiPer: sin(omega w), and from `hardenAt` on its sign; on the way back the sine's derivative throughout. */
export function biper(options: BiperOptions = {}): Quantizer {
  const maps = { forward: "identity", backward: "one", standardize: "sine" } as const;
  return made({ name: "biper", ...maps, hardenAt: 2 / 3, clipLatent: 0, defaults: { omega: 20 } }, options);
}

/** `angle` in [0, pi]: the one that every filter begins with. */
export interface RotatedOptions extends Omit<EdeOptions, "scale" | "standardize"> {
  readonly angle?: number | undefined;
}

/**
 * RBNN's rotated weights, w2 + |sin beta| (R^T w2 - w2) with w2 = (w - mean) / std of the filter, under RBNN's maps. The layer gets
 * an angle for each filter, which is learned, and two rotations, which the method "rbnn" sets between epochs. It has no name of
 * its own on the command line.
 */
export function rotatedRbnn(options: RotatedOptions = {}): Quantizer {
  const maps = { forward: "sign", backward: "rbnnPrime", standardize: "rotation" } as const;
  return made(
    { name: "rbnn-rotated", ...maps, ...latent, defaults: { t: logLinear(1e-2, 10), angle: Math.PI / 2 } },
    options,
  );
}

/** `units` from 1 to 256: the hidden ones of the network that maps a filter. */
export interface NoisyOptions extends NamedOptions {
  readonly units?: number | undefined;
}

/**
 * The weights of noisy supervision (Han et al., ICML 2020): a small network of the layer's own maps the latent weights of a filter
 * together to those whose signs count, and is learned beside them. At first its map is the identity, and the quantizer is BNN's.
 * It has no name of its own on the command line; the method "noisy-supervision" takes it.
 */
export function noisy(options: NoisyOptions = {}): Quantizer {
  const maps = { forward: "sign", backward: "box", standardize: "mapping" } as const;
  return made({ name: "noisy", ...maps, ...latent, clipLatent: 1, defaults: { units: 8 } }, options);
}

/** `codewords`, a power of two from 2 to 512: the 3x3 kernels of signs that a layer may use. */
export interface CodebookOptions extends NamedOptions {
  readonly codewords?: number | undefined;
}

/**
 * PSTE's weights (Wang et al., CVPR 2023): each 3x3 kernel is the nearest of the layer's codewords, which the method "pste" selects
 * between epochs. The gradient goes straight through to the latent weights, which are clipped at 1. It has no name of its own on
 * the command line.
 */
export function codebook(options: CodebookOptions = {}): Quantizer {
  const maps = { forward: "sign", backward: "one", standardize: "codebook" } as const;
  return made({ name: "pste", ...maps, ...latent, clipLatent: 1, defaults: { codewords: 64 } }, options);
}

/** AdaBin's weights, std sign((w - mean) / std) + mean of the filter, with EDE's derivative. They are a real operand. */
export function adabin(options: Omit<EdeOptions, "scale" | "standardize"> = {}): Quantizer {
  const maps = { forward: "sign", backward: "edePrime", standardize: "adabin" } as const;
  return made({ name: "adabin", ...maps, ...latent, defaults: { t: logLinear(1e-3, 10) } }, options);
}
