/**
 * x where x > 0, negativeSlope x elsewhere.
 * Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013, section 2.1.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation } from "./op.ts";

export interface LeakyReluOptions extends LayerOptions {
  /** The slope below 0, in [0, 1000]. Default 0.3. */
  readonly negativeSlope?: number | undefined;
}

const fields = { negativeSlope: optional(number(0, 1000), 0.3) } satisfies FieldsFor<LeakyReluOptions>;

export const leakyRelu = operation({
  name: "leakyRelu",
  kind: "leaky_relu",
  inputs: 1,
  fields,
  shape: keepsShape,
  is: { perRow: true },
});
