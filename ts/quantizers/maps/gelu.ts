/**
 * gelu(x) = x Phi(x), with the normal distribution Phi = (1 + erf(x / sqrt 2)) / 2, and its slope Phi(x) + x phi(x), with the
 * density phi. Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415: the exact form, not that with tanh.
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** Beyond this Phi is 0 or 1 to 1e-18, and the density even less. */
const farthest = 9;

/**
 * 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ..), off by no more than 1e-15. Marsaglia, "Evaluating the Normal Distribution",
 * J. Stat. Softw. 11(4), 2004.
 */
function normal(x: number): number {
  let [term, sum] = [x, x];
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + density(x) * sum;
}

export const gelu: ForwardRecord<"gelu"> = {
  value: (x) => (Math.abs(x) > farthest ? Math.max(0, x) : x * normal(x)),
  rises: false,
};

export const geluPrime: BackwardRecord<"geluPrime"> = {
  value: (x) => {
    if (Math.abs(x) > farthest) return x > 0 ? 1 : 0;
    return normal(x) + x * density(x);
  },
};
