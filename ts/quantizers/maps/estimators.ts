/**
 * Slopes that stand in for the derivative of the sign, each of them steeper at 0 as its parameter grows:
 *
 *   rbnnPrime    max(0, k t (sqrt 2 - t |x|)), k = max(1/t, 1)                 RBNN: Lin et al., NeurIPS 2020, arXiv 2009.13055
 *   restePrime   (1/o) |x|^((1-o)/o), with its secant near 0, 0 far out        ReSTE: Wu et al., ICCV 2023, arXiv 2308.06689
 *   fdaPrime     (4 w / pi) sum of cos((2 i + 1) w x) over i = 0..n on [-1, 1]  FDA: Xu et al., NeurIPS 2021, arXiv 2103.00841
 */
import type { BackwardRecord } from "./record.ts";
import { edeGain } from "./tanh.ts";

export const rbnnPrime: BackwardRecord<"rbnnPrime"> = {
  value: (x, t) => Math.max(0, edeGain(t) * t * (Math.SQRT2 - t * Math.abs(x))),
};

/** ReSTE's ends: the secant from 0 to the first, nothing beyond the second; the first as the f32 that the core has. */
const powerStart = Math.fround(0.1);
const powerEnd = 1.5;

export const restePrime: BackwardRecord<"restePrime"> = {
  value: (x, o) => {
    const magnitude = Math.abs(x);
    if (magnitude <= powerStart) return 0.1 ** (1 / o) / 0.1;
    return magnitude <= powerEnd ? magnitude ** ((1 - o) / o) / o : 0;
  },
};

/** FDA's angular frequency. */
const frequency = 0.1;

/** The slope of the sine series of the sign. */
export const fdaPrime: BackwardRecord<"fdaPrime"> = {
  value: (x, n) => {
    if (Math.abs(x) > 1) return 0;
    let sum = 0;
    for (let term = 0; term <= Math.floor(n); term += 1) sum += Math.cos((2 * term + 1) * frequency * x);
    return ((4 * frequency) / Math.PI) * sum;
  },
};
