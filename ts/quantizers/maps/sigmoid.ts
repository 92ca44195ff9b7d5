/** The logistic function s(x) = 1 / (1 + e^-x) and its slope s(x) s(-x), written as e / (1 + e)^2 with e = e^-|x|. */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const sigmoid: ForwardRecord<"sigmoid"> = { value: (x) => 1 / (1 + Math.exp(-x)), rises: true };

export const sigmoidPrime: BackwardRecord<"sigmoidPrime"> = {
  value: (x) => {
    const e = Math.exp(-Math.abs(x));
    return e / ((1 + e) * (1 + e));
  },
};
