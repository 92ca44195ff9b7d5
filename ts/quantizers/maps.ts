/**
 * Forward maps F and backward maps B: the numbers the core calls them by, and their definitions in f64. The core has its
 * own f32 versions; the ones here are an independent twin, to read and to test against.
 *
 * Sources: PC++ (Lu et al., NeurIPS 2023, arXiv 2402.17710) for the pairs; ProxConnect (Dockhorn et al., NeurIPS 2021,
 * arXiv 2110.13220) for L; BNN+ for SignSwish's derivative; Bi-Real Net for the polynomial; IR-Net for EDE.
 * `p` holds at most two parameters: [rho, varrho] of L, [beta] of SignSwish, [t] of EDE. NaN gives NaN throughout.
 */
import type { BackwardMap, ForwardMap } from "./quantizer.ts";

/** The core's number of each forward map. */
export const forwardMapNumbers: Readonly<Record<ForwardMap, number>> = Object.freeze({
  identity: 0,
  sign: 1,
  piecewiseLinear: 2,
  hardTanh: 3,
  signSwish: 4,
  poly: 5,
  ede: 6,
});

/** The core's number of each backward map. */
export const backwardMapNumbers: Readonly<Record<BackwardMap, number>> = Object.freeze({
  one: 0,
  box: 1,
  polyPrime: 2,
  signSwishPrime: 3,
  edePrime: 4,
});

export type ParameterName = "rho" | "varrho" | "beta" | "t";

/** What a map's parameters are called, in the core's order. */
export const forwardMapParameters: Readonly<Record<ForwardMap, readonly ParameterName[]>> = Object.freeze({
  identity: [],
  sign: [],
  piecewiseLinear: ["rho", "varrho"],
  hardTanh: [],
  signSwish: ["beta"],
  poly: [],
  ede: ["t"],
});

export const backwardMapParameters: Readonly<Record<BackwardMap, readonly ParameterName[]>> = Object.freeze({
  one: [],
  box: [],
  polyPrime: [],
  signSwishPrime: ["beta"],
  edePrime: ["t"],
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

/** F(x) in f64. */
export function forwardValue(map: ForwardMap, x: number, p: readonly number[]): number {
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
  }
}

/** B(x) in f64: what the gradient that arrives at F(x) is multiplied by. */
export function backwardValue(map: BackwardMap, x: number, p: readonly number[]): number {
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
    case "edePrime": {
      const tanh = Math.tanh(first * x);
      return edeGain(first) * first * (1 - tanh * tanh);
    }
  }
}
