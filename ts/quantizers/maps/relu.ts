/** max(x, 0), and its slope, which is 0 at 0. Nair and Hinton, ICML 2010. */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const relu: ForwardRecord<"relu"> = { value: (x) => Math.max(0, x), rises: true };

export const reluPrime: BackwardRecord<"reluPrime"> = { value: (x) => (x > 0 ? 1 : 0) };
