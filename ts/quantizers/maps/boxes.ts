/**
 * Hard tanh, x clipped to [-1, 1], and the boxes: slopes that are 1 inside an interval, both ends included, and 0 outside.
 * BNN (Hubara et al., NeurIPS 2016, arXiv 1602.02830) has the box of hard tanh, DoReFa-Net the one on [0, 1].
 */
import type { BackwardRecord, ForwardRecord } from "./record.ts";

export const hardTanh: ForwardRecord<"hardTanh"> = { value: (x) => Math.max(-1, Math.min(1, x)), rises: true };

export const box: BackwardRecord<"box"> = { value: (x) => (Math.abs(x) <= 1 ? 1 : 0) };

export const unitBox: BackwardRecord<"unitBox"> = { value: (x) => (x >= 0 && x <= 1 ? 1 : 0) };

export const clippedBox: BackwardRecord<"clippedBox"> = { value: (x, width) => (Math.abs(x) <= width ? 1 : 0) };
