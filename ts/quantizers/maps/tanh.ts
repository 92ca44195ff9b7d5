/**
 * Hyperbolic tangents with their slopes: tanh(t x), and EDE, k tanh(t x) with the gain k = max(1/t, 1), which keeps the slope
 * at 0 from falling below 1 (IR-Net: Qin et al., CVPR 2020, arXiv 1909.10788).
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export function edeGain(t: number): number {
  return Math.max(1 / t, 1);
}

/** 1 - tanh^2 u = 4 e / (1 + e)^2, e = exp(-2|u|): with all digits where tanh is 1 but for rounding. */
function sechSquared(u: number): number {
  const e = Math.exp(-2 * Math.abs(u));
  return (4 * e) / ((1 + e) * (1 + e));
}

export const tanh: ForwardRecord<"tanh"> = { value: (x, t) => Math.tanh(t * x), rises: true };

export const tanhPrime: BackwardRecord<"tanhPrime"> = { value: (x, t) => t * sechSquared(t * x) };

export const ede: ForwardRecord<"ede"> = { value: (x, t) => edeGain(t) * Math.tanh(t * x), rises: true };

export const edePrime: BackwardRecord<"edePrime"> = { value: (x, t) => edeGain(t) * t * sechSquared(t * x) };
