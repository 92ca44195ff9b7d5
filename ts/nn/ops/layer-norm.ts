/**
 * Layer normalisation over the last axis: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and the
 * variance of each row by itself, and gamma and beta learned for each channel.
 * Ba, Kiros and Hinton, "Layer Normalization", 2016, section 3, equation 3.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation, perChannel } from "./op.ts";

export interface LayerNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-3. */
  readonly epsilon?: number | undefined;
}

const fields = { epsilon: optional(number(1e-12, 1), 1e-3) } satisfies FieldsFor<LayerNormOptions>;

export const layerNorm = operation({
  name: "layerNorm",
  kind: "layer_norm",
  inputs: 1,
  fields,
  shape: keepsShape,
  parameters: (inputs) => ({ gamma: perChannel(inputs, "ones"), beta: perChannel(inputs, "zeros") }),
  is: { perRow: true },
});
