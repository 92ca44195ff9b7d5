/**
 * max(x, 0) and min(max(x, 0), 6), with their slopes: 0 at 0, and 1 at 6 as in TensorFlow.js. Nair and Hinton, ICML 2010;
 * Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010.
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const relu: ForwardRecord<"relu"> = { value: (x) => Math.max(0, x), rises: true };

export const reluPrime: BackwardRecord<"reluPrime"> = { value: (x) => (x > 0 ? 1 : 0) };

export const relu6: ForwardRecord<"relu6"> = { value: (x) => Math.min(6, Math.max(0, x)), rises: true };

export const relu6Prime: BackwardRecord<"relu6Prime"> = { value: (x) => (x > 0 && x <= 6 ? 1 : 0) };
