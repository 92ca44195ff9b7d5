/** The maps that change nothing. B = 1 is the straight-through estimator (Bengio, Leonard and Courville, arXiv 1308.3432). */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const identity: ForwardRecord<"identity"> = { value: (x) => x, rises: true };

export const one: BackwardRecord<"one"> = { value: () => 1 };
