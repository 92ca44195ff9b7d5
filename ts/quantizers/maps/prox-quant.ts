/**
 * sign(x)(1 + soft(|x| - 1, lambda)), the proximal map of lambda ||x| - 1|, which has a valley at either sign. ProxQuant: Bai,
 * Wang and Liberty, ICLR 2019, arXiv 1810.00861.
 */
import type { ForwardRecord } from "./record.ts";
import { signOf } from "./sign.ts";

export const proxQuant: ForwardRecord<"proxQuant"> = {
  value: (x, lambda) => {
    const excess = Math.abs(x) - 1;
    const kept = Number.isFinite(excess) ? Math.max(-lambda, Math.min(lambda, excess)) : lambda;
    return signOf(x) * (1 + (excess - kept));
  },
  rises: true,
};
