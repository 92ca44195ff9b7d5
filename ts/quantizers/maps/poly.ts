/**
 * The polynomial of Bi-Real Net (Liu et al., ECCV 2018, arXiv 1808.00278): max(0, 2 - 2 |x|) and its antiderivative with value
 * 0 at 0.
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const poly: ForwardRecord<"poly"> = {
  value: (x) => {
    if (x >= 1) return 1;
    if (x <= -1) return -1;
    return x < 0 ? x * x + 2 * x : 2 * x - x * x;
  },
  rises: true,
};

export const polyPrime: BackwardRecord<"polyPrime"> = { value: (x) => Math.max(0, 2 - 2 * Math.abs(x)) };
