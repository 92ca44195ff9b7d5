/**
 * x where x > 0, alpha (exp(x) - 1) elsewhere.
 * Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)", ICLR
 * 2016, section 3, equation 16.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation } from "./op.ts";

export interface EluOptions extends LayerOptions {
  /** Minus the value far below 0, in [0, 1000]. Default 1. */
  readonly alpha?: number | undefined;
}

const fields = { alpha: optional(number(0, 1000), 1) } satisfies FieldsFor<EluOptions>;

export const elu = operation({
  name: "elu",
  kind: "elu",
  inputs: 1,
  fields,
  shape: keepsShape,
  is: { perRow: true },
});
