/**
 * SignSwish and its derivative (BNN+: Darabi et al., arXiv 1812.11800), with s the logistic function and u = beta x:
 *
 *   SS(x) = 2 s(u)(1 + u (1 - s(u))) - 1, odd, with its peaks of 1.19968 where |u| = 2.39936
 *   SS'(x) = beta (2 - u tanh(u/2)) / (1 + cosh u), and 1 + cosh u = 2 cosh^2(u/2) = (1 + e)^2 / (2 e), e = exp(-|u|)
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

/** Beyond this the logistic function is 0 or 1 in f64; the clamp keeps infinity times zero out. */
const largestExponent = 700;

export const signSwish: ForwardRecord<"signSwish"> = {
  value: (x, beta) => {
    const u = Math.max(-largestExponent, Math.min(largestExponent, beta * x));
    const logistic = 1 / (1 + Math.exp(-u));
    const complement = 1 / (1 + Math.exp(u));
    return 2 * logistic * (1 + u * complement) - 1;
  },
  rises: false,
};

export const signSwishPrime: BackwardRecord<"signSwishPrime"> = {
  value: (x, beta) => {
    const u = Math.min(largestExponent, Math.abs(beta * x));
    const e = Math.exp(-u);
    return (beta * (2 - (u * (1 - e)) / (1 + e)) * 2 * e) / ((1 + e) * (1 + e));
  },
};
