/**
 * Forward maps F and backward maps B: the numbers the core calls them by, and their definitions in f64. The core has its
 * own f32 versions; the ones here are an independent twin, to read and to test against.
 *
 * Sources: PC++ (Lu et al., NeurIPS 2023, arXiv 2402.17710) for the pairs; ProxConnect (Dockhorn et al., NeurIPS 2021,
 * arXiv 2110.13220) for L; BNN+ for SignSwish's derivative; Bi-Real Net for the polynomial; IR-Net for EDE; ProxQuant (Bai et
 * al., ICLR 2019) for its proximal map; DoReFa-Net for levels; RBNN, ReSTE and FDA for their estimators.
 *
 * `p` holds a map's parameters as `forwardMapParameters` and `backwardMapParameters` name them. NaN gives NaN throughout.
 */
import type { BackwardMap, ForwardMap, MapTable } from "./quantizer.ts";

/** The core's number of each forward map; 9 is not given away. */
export const forwardMapNumbers: Readonly<Record<ForwardMap, number>> = Object.freeze({
  identity: 0,
  sign: 1,
  piecewiseLinear: 2,
  hardTanh: 3,
  signSwish: 4,
  poly: 5,
  ede: 6,
  tanh: 7,
  proxQuant: 8,
  unitLevels: 10,
  symmetricLevels: 11,
  table: 12,
});

/** The core's number of each backward map. */
export const backwardMapNumbers: Readonly<Record<BackwardMap, number>> = Object.freeze({
  one: 0,
  box: 1,
  polyPrime: 2,
  signSwishPrime: 3,
  edePrime: 4,
  tanhPrime: 5,
  rbnnPrime: 6,
  restePrime: 7,
  fdaPrime: 8,
  unitBox: 9,
  clippedBox: 10,
  table: 11,
});

export type ParameterName = "rho" | "varrho" | "beta" | "t" | "lambda" | "levels" | "o" | "n" | "width";

/** What a map's parameters are called, in the core's order. */
export const forwardMapParameters: Readonly<Record<ForwardMap, readonly ParameterName[]>> = Object.freeze({
  identity: [],
  sign: [],
  piecewiseLinear: ["rho", "varrho"],
  hardTanh: [],
  signSwish: ["beta"],
  poly: [],
  ede: ["t"],
  tanh: ["t"],
  proxQuant: ["lambda"],
  unitLevels: ["levels"],
  symmetricLevels: ["levels"],
  table: [],
});

export const backwardMapParameters: Readonly<Record<BackwardMap, readonly ParameterName[]>> = Object.freeze({
  one: [],
  box: [],
  polyPrime: [],
  signSwishPrime: ["beta"],
  edePrime: ["t"],
  tanhPrime: ["t"],
  rbnnPrime: ["t"],
  restePrime: ["o"],
  fdaPrime: ["n"],
  unitBox: [],
  clippedBox: ["width"],
  table: [],
});

/** Whether F(x) is -1 or +1 for every x whatever the parameters. (L with rho >= 1 is hard too, but by its parameter.) */
export function isHardForwardMap(map: ForwardMap): boolean {
  return map === "sign";
}

/** sign(0) = sign(-0) = +1, as everywhere in proxbit. */
function sign(x: number): number {
  return Number.isNaN(x) ? Number.NaN : x >= 0 ? 1 : -1;
}

/**
 * L with a = |x|: sign(x) where a >= 1 - rho, else sign(x) (varrho + (1 - varrho) a / (1 - rho)). rho is the half width
 * of the flat step around +-1, varrho the half height of the jump at 0. (0, 0) is hardtanh, rho >= 1 is sign.
 */
function piecewiseLinear(x: number, rho: number, varrho: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= 1 - rho) return sign(x);
  return sign(x) * (varrho + ((1 - varrho) * magnitude) / (1 - rho));
}

/** Beyond this the logistic function is 0 or 1 in f64; the clamp keeps infinity times zero out. */
const largestExponent = 700;

/** SS(x) = 2 s(u)(1 + u (1 - s(u))) - 1, u = beta x, s the logistic. Odd; peaks at 1.19968 where |u| = 2.39936. */
function signSwish(x: number, beta: number): number {
  const u = Math.max(-largestExponent, Math.min(largestExponent, beta * x));
  const logistic = 1 / (1 + Math.exp(-u));
  const complement = 1 / (1 + Math.exp(u));
  return 2 * logistic * (1 + u * complement) - 1;
}

/** SS'(x) = beta (2 - u tanh(u/2)) / (1 + cosh u), with 1 + cosh u = 2 cosh^2(u/2) = (1 + e)^2 / (2 e), e = exp(-|u|). */
function signSwishPrime(x: number, beta: number): number {
  const u = Math.min(largestExponent, Math.abs(beta * x));
  const e = Math.exp(-u);
  return (beta * (2 - (u * (1 - e)) / (1 + e)) * 2 * e) / ((1 + e) * (1 + e));
}

/** The antiderivative of max(0, 2 - 2|x|) with value 0 at 0. */
function poly(x: number): number {
  if (x >= 1) return 1;
  if (x <= -1) return -1;
  return x < 0 ? x * x + 2 * x : 2 * x - x * x;
}

/** EDE's gain, max(1/t, 1): it keeps the slope at 0 from falling below 1. */
function edeGain(t: number): number {
  return Math.max(1 / t, 1);
}

/** 1 - tanh^2 u = 4 e / (1 + e)^2, e = exp(-2|u|): with all digits where tanh is 1 but for rounding. */
function sechSquared(u: number): number {
  const e = Math.exp(-2 * Math.abs(u));
  return (4 * e) / ((1 + e) * (1 + e));
}

/** sign(x)(1 + soft(|x| - 1, lambda)): the proximal map of lambda ||x| - 1|, which has a valley at either sign. */
function proxQuant(x: number, lambda: number): number {
  const excess = Math.abs(x) - 1;
  const kept = Number.isFinite(excess) ? Math.max(-lambda, Math.min(lambda, excess)) : lambda;
  return sign(x) * (1 + (excess - kept));
}

/** The nearest whole number; a half goes to the even one. */
function nearest(v: number): number {
  const low = Math.floor(v);
  const rest = v - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/**
 * round(c L) / L with c = x clipped to [0, 1]. What is rounded to a level is the product in f32, here too: both sides of the
 * middle between two levels fall to the same level everywhere.
 */
function unitLevels(x: number, levels: number): number {
  return nearest(Math.fround(Math.max(0, Math.min(1, x)) * levels)) / levels;
}

/** 2 round((c/2 + 1/2) L) / L - 1 with c = x clipped to [-1, 1]; products in f32 as above. */
function symmetricLevels(x: number, levels: number): number {
  const share = Math.fround(Math.max(-1, Math.min(1, x)) / 2 + 0.5);
  return (2 * nearest(Math.fround(share * levels))) / levels - 1;
}

/** ReSTE's ends: the secant from 0 to the first, nothing beyond the second; the first as the f32 that the core has. */
const powerStart = Math.fround(0.1);
const powerEnd = 1.5;

/** The slope of |x|^(1/o), with its secant near 0 and nothing far out. */
function restePrime(x: number, o: number): number {
  const magnitude = Math.abs(x);
  if (magnitude <= powerStart) return 0.1 ** (1 / o) / 0.1;
  return magnitude <= powerEnd ? magnitude ** ((1 - o) / o) / o : 0;
}

/** FDA's angular frequency. */
const frequency = 0.1;

/** (4 w / pi) times the sum of cos((2 i + 1) w x) over i = 0..n: the slope of the sine series of the sign, on [-1, 1]. */
function fdaPrime(x: number, n: number): number {
  if (Math.abs(x) > 1) return 0;
  let sum = 0;
  for (let term = 0; term <= Math.floor(n); term += 1) sum += Math.cos((2 * term + 1) * frequency * x);
  return ((4 * frequency) / Math.PI) * sum;
}

/** Linear between `samples`, constant outside. */
function interpolate({ from, to }: MapTable, samples: readonly number[], x: number): number {
  const last = samples.length - 1;
  const position = Math.max(0, Math.min(last, ((x - from) / (to - from)) * last));
  if (Number.isNaN(position)) return Number.NaN;
  const at = Math.min(last - 1, Math.floor(position));
  const [low, high] = [samples[at] as number, samples[at + 1] as number];
  return low + (position - at) * (high - low);
}

function missingTable(): never {
  throw new Error("a map of samples without its table");
}

/** F(x) in f64; `table` holds the samples of the map named "table". */
export function forwardValue(map: ForwardMap, x: number, p: readonly number[], table: MapTable | null = null): number {
  const [first = 0, second = 0] = p;
  switch (map) {
    case "identity":
      return x;
    case "sign":
      return sign(x);
    case "piecewiseLinear":
      return piecewiseLinear(x, first, second);
    case "hardTanh":
      return Math.max(-1, Math.min(1, x));
    case "signSwish":
      return signSwish(x, first);
    case "poly":
      return poly(x);
    case "ede":
      return edeGain(first) * Math.tanh(first * x);
    case "tanh":
      return Math.tanh(first * x);
    case "proxQuant":
      return proxQuant(x, first);
    case "unitLevels":
      return unitLevels(x, first);
    case "symmetricLevels":
      return symmetricLevels(x, first);
    case "table": {
      const samples = table ?? missingTable();
      return interpolate(samples, samples.forward, x);
    }
  }
}

/** B(x) in f64: what the gradient that arrives at F(x) is multiplied by. */
export function backwardValue(
  map: BackwardMap,
  x: number,
  p: readonly number[],
  table: MapTable | null = null,
): number {
  const [first = 0] = p;
  if (Number.isNaN(x)) return Number.NaN;
  switch (map) {
    case "one":
      return 1;
    case "box":
      return Math.abs(x) <= 1 ? 1 : 0;
    case "polyPrime":
      return Math.max(0, 2 - 2 * Math.abs(x));
    case "signSwishPrime":
      return signSwishPrime(x, first);
    case "edePrime":
      return edeGain(first) * first * sechSquared(first * x);
    case "tanhPrime":
      return first * sechSquared(first * x);
    case "rbnnPrime":
      return Math.max(0, edeGain(first) * first * (Math.SQRT2 - first * Math.abs(x)));
    case "restePrime":
      return restePrime(x, first);
    case "fdaPrime":
      return fdaPrime(x, first);
    case "unitBox":
      return x >= 0 && x <= 1 ? 1 : 0;
    case "clippedBox":
      return Math.abs(x) <= first ? 1 : 0;
    case "table": {
      const samples = table ?? missingTable();
      return interpolate(samples, samples.backward, x);
    }
  }
}

/** The maps of a quantizer at one moment: F(x) = forward(P(x)), B(x) = backward(P(x)). */
export interface QuantizerMaps {
  readonly proximal: ForwardMap;
  readonly forward: ForwardMap;
  readonly backward: BackwardMap;
  /** Those of P, then those that the other two share. */
  readonly parameters: readonly number[];
  readonly table: MapTable | null;
}

/** A quantizer's parameters: those of its proximal map, and those of the maps that read what it gives. */
export function splitParameters(
  proximal: ForwardMap,
  parameters: readonly number[],
): readonly [proximal: readonly number[], shared: readonly number[]] {
  const own = forwardMapParameters[proximal].length;
  return [parameters.slice(0, own), parameters.slice(own)];
}

/** F(x) in f64; the sign is that of x itself, as it is packed. */
export function quantizedValue({ proximal, forward, parameters, table }: QuantizerMaps, x: number): number {
  if (forward === "sign") return sign(x);
  const [own, shared] = splitParameters(proximal, parameters);
  return forwardValue(forward, forwardValue(proximal, x, own), shared, table);
}

/** B(x) in f64. */
export function slopeValue({ proximal, backward, parameters, table }: QuantizerMaps, x: number): number {
  const [own, shared] = splitParameters(proximal, parameters);
  return backwardValue(backward, forwardValue(proximal, x, own), shared, table);
}

/**
 * A table as the core reads it: [count, from, density, 0], then the forward and the backward map's samples; the density is
 * the samples per unit (crates/kernels/src/quantizer/maps.rs).
 */
export function encodeTable({ from, to, forward, backward }: MapTable): Float32Array<ArrayBuffer> {
  const density = (forward.length - 1) / (to - from);
  return Float32Array.of(forward.length, from, density, 0, ...forward, ...backward);
}
