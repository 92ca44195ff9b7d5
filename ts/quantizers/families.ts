/**
 * The named quantizers of the ProxConnect++ family, each made by a function whose options override its defaults.
 *
 *   name    forward F    backward B        parameters over the run           source
 *   fp      identity     1                 -                                 the float network, as a quantizer
 *   bc      sign         1                 -                                 BinaryConnect / straight-through
 *   pc      L            1                 rho logistic 0 -> 1 at 0.5        ProxConnect (arXiv 2110.13220)
 *   parq    L            1                 as pc, by its inverse slope       PARQ
 *   pq      ProxQuant's  1                 lambda log-linear 1e-6 -> 1 (0.5) ProxQuant (Bai et al., ICLR 2019)
 *   rpc     identity     1                 rho log-linear 1e-6 -> 1 at 0.5   reverse ProxConnect
 *   bnn     sign         1_[|x| <= 1]      -, latents clipped at 1           BNN (Hubara et al.)
 *   bnn+    sign         SignSwish'        beta 5                            BNN+
 *   bnn++   SignSwish    SignSwish'        beta log-linear 1 -> 5            ProxConnect++ (arXiv 2402.17710)
 *   poly    sign         max(0, 2 - 2|x|)  -                                 Bi-Real Net
 *   poly+   its integral max(0, 2 - 2|x|)  -                                 ProxConnect++
 *   ede     sign         k t (1 - tanh^2)  t log-linear 1e-3 -> 10           IR-Net
 *   ede+    k tanh(t x)  k t (1 - tanh^2)  t log-linear 1e-3 -> 10 at 0.3    ProxConnect++
 *   rbnn    sign         a falling tent    t log-linear 1e-2 -> 10           RBNN (rotated binary networks)
 *   rbnn-activations     the same, t >= 1  t log-linear 1 -> 10 at the end   RBNN
 *   reste   sign         (|x|^(1/o))'      o quarter cosine 1 -> 3           ReSTE
 *   fda     sign         cosine series     n by steps 9 -> 18                FDA (Fourier series of the sign)
 *   dorefa-activations   1 on [0, 1]       2 bits: levels 0, 1/3, 2/3, 1     DoReFa-Net
 *
 * fp and DoReFa's levels are what they are to the end, a real operand throughout. Every other soft forward map turns into
 * the hard sign, and B stays the pair's own. A network that was trained soft needs time to become hard, so that happens after
 * 0.3 of the run; after 0.5 in pc, parq, pq and rpc, whose maps close by then. Both shares are ours (`npm run bench -- study`).
 * Through proxbit 0.1 it was the last tenth: "bnn++:beta=logLinear(1,50),hardenAt=0.9". On activations a soft forward map makes
 * the operand real until then.
 *
 * pc hardens as PARQ does: 1 - rho is its inverse slope (at varrho = 0), along a normalised logistic of steepness 10
 * that reaches the sign where the map is made hard. Latents stay unclipped in pc: in ProxConnect they must be free to
 * grow.
 *
 * What the latent weights go on from: in pq F(w) (its `restart` is F's map), in rpc L(w), though its passes read w itself;
 * in all others w. Such a map acts at every step, so that its pull adds up: lambda and rho begin far below the step size.
 * pq's latents are clipped at 1, where lambda = 1 is the sign. Once hard, both start every step from signs, which no step of
 * ordinary size turns: what is left to train is the rest of the network, as in ProxQuant's last epochs.
 */
import { integerIn, numberIn, plainObject, type Subject } from "../base/checks.ts";
import { asItIs, closesAt, make, never, softUntil } from "./make.ts";
import type { Quantizer, Scale, Schedule, Standardize } from "./quantizer.ts";
import {
  type InverseSlopeOptions,
  logLinear,
  parqRho,
  quarterCosine,
  scheduleRange,
  staircase,
  window,
} from "./schedule.ts";

/** `hardenAt`: share of the run, in [0, 1], after which F is the hard sign, 1 for never. `clipLatent`: 0 for none. */
export interface QuantizerOptions extends WeightOptions {
  readonly name?: string | undefined;
  readonly hardenAt?: number | undefined;
  readonly clipLatent?: number | undefined;
}

/**
 * Weights: the scale of the layer's sums, and what is done to latent weights before their maps. L, ProxQuant's map and every
 * other that tells weights by their distance to +-1 want weights of about that size. `standardize: "filter"` gives them the
 * deviation 2 sqrt 2, with most of them beyond +-1 from the start. pq and rpc, which move latent weights, take none.
 */
export interface WeightOptions {
  readonly scale?: Scale | undefined;
  readonly standardize?: Exclude<Standardize, "sine"> | undefined;
}

/** `beta` > 0, SignSwish's sharpness. */
export interface SignSwishOptions extends QuantizerOptions {
  readonly beta?: number | Schedule | undefined;
}

/** `t` > 0, the sharpness of EDE or RBNN's map. */
export interface EdeOptions extends QuantizerOptions {
  readonly t?: number | Schedule | undefined;
}

/** `lambda` >= 0, how far ProxQuant's map pulls towards +-1. */
export interface ProxQuantOptions extends QuantizerOptions {
  readonly lambda?: number | Schedule | undefined;
}

/** `o` from 1 to 1000: ReSTE's map is the o-th root. */
export interface ResteOptions extends QuantizerOptions {
  readonly o?: number | Schedule | undefined;
}

/** `n` from 0 to 100: FDA's series has n + 1 terms. */
export interface FdaOptions extends QuantizerOptions {
  readonly n?: number | Schedule | undefined;
}

/** `bits` from 1 to 8 (2): 2^bits levels from 0 to 1; any other number than 2 is added to the name. */
export interface LevelsOptions {
  readonly name?: string | undefined;
  readonly bits?: number | undefined;
}

/** When PARQ's inverse slope falls from 1 to 0, and how (`inverseSlope`); the map is sign from `end` on. */
export interface ParqOptions extends InverseSlopeOptions, WeightOptions {
  readonly name?: string | undefined;
}

/** `rho` >= 0, half width of the flat steps (1 and more is sign); `varrho` in [0, 1], half height of the jump at 0. */
export interface PiecewiseLinearOptions extends QuantizerOptions {
  readonly rho?: number | Schedule | undefined;
  readonly varrho?: number | Schedule | undefined;
}

const straightThrough = { backward: "one", hardenAt: closesAt } as const;

/** The float network: (identity, 1). What goes through it is not quantized at all. */
export function fp(options: Pick<QuantizerOptions, "name"> = {}): Quantizer {
  return make({ name: "fp", forward: "identity", backward: "one", ...asItIs, defaults: {} }, options);
}

/** BinaryConnect: (sign, 1), the straight-through estimator. */
export function bc(options: QuantizerOptions = {}): Quantizer {
  return make({ name: "bc", forward: "sign", backward: "one", hardenAt: never, clipLatent: 0, defaults: {} }, options);
}

/** ProxConnect: (L, 1). */
export function pc(options: PiecewiseLinearOptions = {}): Quantizer {
  const defaults = { rho: parqRho({ end: closesAt }), varrho: 0 };
  return make(
    { name: "pc", forward: "piecewiseLinear", backward: "one", hardenAt: closesAt, clipLatent: 0, defaults },
    options,
  );
}

/** BNN: (sign, box), latent weights clipped to [-1, 1] after each step. */
export function bnn(options: QuantizerOptions = {}): Quantizer {
  return make({ name: "bnn", forward: "sign", backward: "box", hardenAt: never, clipLatent: 1, defaults: {} }, options);
}

/** BNN+: (sign, SignSwish'). The one pair here that no proximal map decomposes. */
export function bnnPlus(options: SignSwishOptions = {}): Quantizer {
  const defaults = { beta: 5 };
  return make(
    { name: "bnn+", forward: "sign", backward: "signSwishPrime", hardenAt: never, clipLatent: 0, defaults },
    options,
  );
}

/**
 * BNN++: (SignSwish, SignSwish'), hard after 0.3 of the run, and sharpened to BNN+'s beta at its end. The course is ours. It begins at
 * 1, where the slope is wide. A constant 5 was 0.46 and 0.14 points above it in one seed each of 3 and 12 epochs with both operands,
 * both hard from the half on (`npm run bench -- study`): too little to tell, and with 0.3 it was not tried.
 */
export function bnnPlusPlus(options: SignSwishOptions = {}): Quantizer {
  const defaults = { beta: logLinear(1, 5) };
  return make(
    { name: "bnn++", forward: "signSwish", backward: "signSwishPrime", hardenAt: softUntil, clipLatent: 0, defaults },
    options,
  );
}

/** Bi-Real Net's ApproxSign: (sign, poly'). */
export function poly(options: QuantizerOptions = {}): Quantizer {
  return make(
    { name: "poly", forward: "sign", backward: "polyPrime", hardenAt: never, clipLatent: 0, defaults: {} },
    options,
  );
}

/** Poly+: (poly, poly'). */
export function polyPlus(options: QuantizerOptions = {}): Quantizer {
  return make(
    { name: "poly+", forward: "poly", backward: "polyPrime", hardenAt: softUntil, clipLatent: 0, defaults: {} },
    options,
  );
}

/** IR-Net's error decay estimator: (sign, EDE'), sharpened over the run. */
export function ede(options: EdeOptions = {}): Quantizer {
  const defaults = { t: logLinear(1e-3, 10) };
  return make(
    { name: "ede", forward: "sign", backward: "edePrime", hardenAt: never, clipLatent: 0, defaults },
    options,
  );
}

/** EDE+: (EDE, EDE'), sharpened until it is hard. */
export function edePlus(options: EdeOptions = {}): Quantizer {
  const defaults = { t: window(0, softUntil, logLinear(1e-3, 10)) };
  return make(
    { name: "ede+", forward: "ede", backward: "edePrime", hardenAt: softUntil, clipLatent: 0, defaults },
    options,
  );
}

/** PARQ: (L, 1) with varrho = 0 and rho = 1 minus the inverse slope; hard from `end` (0.5) on. */
export function parq(options: ParqOptions = {}): Quantizer {
  const subject: Subject = { code: "argument", what: 'quantizer "parq"' };
  const given = plainObject(options, parqKeys, subject) as ParqOptions;
  const { name = "parq", end = closesAt, scale, standardize, ...course } = given;
  return pc({ name, rho: parqRho({ end, ...course }), varrho: 0, hardenAt: end, scale, standardize });
}

const parqKeys = ["name", "start", "end", "steepness", "center", "scale", "standardize"];

/** ProxQuant: +-1 pulls by lambda; the gradient at F(w) moves F(w), not w. Latent weights are clipped to [-1, 1]. */
export function pq(options: ProxQuantOptions = {}): Quantizer {
  const defaults = { lambda: window(0, closesAt, logLinear(1e-6, 1)) };
  return make(
    { name: "pq", forward: "proxQuant", restart: "proxQuant", ...straightThrough, clipLatent: 1, defaults },
    options,
  );
}

/** Reverse ProxConnect: the passes read w, and steps go on from L(w): (identity, 1). */
export function rpc(options: PiecewiseLinearOptions = {}): Quantizer {
  const defaults = { rho: window(0, closesAt, logLinear(1e-6, 1)), varrho: 0 };
  return make(
    { name: "rpc", forward: "identity", restart: "piecewiseLinear", ...straightThrough, clipLatent: 0, defaults },
    options,
  );
}

/** RBNN's map for weights: (sign, max(0, k (sqrt 2 t - t^2 |x|))), k = max(1/t, 1), sharpened over the run. */
export function rbnn(options: EdeOptions = {}): Quantizer {
  const defaults = { t: logLinear(1e-2, 10) };
  return make(
    { name: "rbnn", forward: "sign", backward: "rbnnPrime", hardenAt: never, clipLatent: 0, defaults },
    options,
  );
}

/** RBNN's map for activations: k = 1 and t no less than 1, which it exceeds in the last third of the run. */
export function rbnnActivations(options: EdeOptions = {}): Quantizer {
  const defaults = { t: window(2 / 3, 1, logLinear(1, 10)) };
  const made = make(
    { name: "rbnn-activations", forward: "sign", backward: "rbnnPrime", hardenAt: never, clipLatent: 0, defaults },
    options,
  );
  const [t] = made.parameters as readonly [Schedule];
  numberIn(scheduleRange(t)[0], 1, 1e6, "t", { code: "argument", what: `quantizer "${made.name}"` });
  return made;
}

/** ReSTE: (sign, the slope of the o-th root), whose power rises over the run; weights with one scale of the whole tensor. */
export function reste(options: ResteOptions = {}): Quantizer {
  const defaults = { o: quarterCosine(1, 3) };
  return make(
    {
      name: "reste",
      scale: "tensor",
      forward: "sign",
      backward: "restePrime",
      hardenAt: never,
      clipLatent: 0,
      defaults,
    },
    options,
  );
}

/** FDA: (sign, the slope of its sine series), with more terms over the run. */
export function fda(options: FdaOptions = {}): Quantizer {
  const defaults = { n: staircase(9, 18) };
  return make(
    { name: "fda", forward: "sign", backward: "fdaPrime", hardenAt: never, clipLatent: 0, defaults },
    options,
  );
}

/** DoReFa-Net's activations: round(clip(x, 0, 1) L) / L with L = 2^bits - 1, straight through where 0 <= x <= 1. */
export function dorefaActivations(options: LevelsOptions = {}): Quantizer {
  const subject: Subject = { code: "argument", what: 'quantizer "dorefa-activations"' };
  const { name, bits = 2 } = plainObject(options, ["name", "bits"], subject) as LevelsOptions;
  const defaults = { levels: 2 ** integerIn(bits, 1, 8, "bits", subject) - 1 };
  const family = bits === 2 ? "dorefa-activations" : `dorefa-activations-${bits}`;
  return make(
    { name: family, forward: "unitLevels", backward: "unitBox", ...asItIs, defaults },
    name === undefined ? {} : { name },
  );
}
