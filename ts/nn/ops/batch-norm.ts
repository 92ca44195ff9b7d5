/**
 * Batch normalisation over the last axis (Ioffe and Szegedy, 2015): y = gamma (x - mean) / sqrt(variance + epsilon) +
 * beta. Training takes the statistics of the batch, evaluation and inference take the running ones.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation, perChannel } from "./op.ts";

export interface BatchNormOptions extends LayerOptions {
  /**
   * Share of the old running statistics kept at each step, in [0, 1]. The default is 0.9, below Keras's 0.99, because
   * the statistics must be those of the hard network, and a quantizer may harden late in a run.
   */
  readonly momentum?: number | undefined;
  /** Added to the variance. Default 1e-3. */
  readonly epsilon?: number | undefined;
}

const fields = {
  momentum: optional(number(0, 1), 0.9),
  epsilon: optional(number(1e-12, 1), 1e-3),
} satisfies FieldsFor<BatchNormOptions>;

export const batchNorm = operation({
  name: "batchNorm",
  kind: "batch_norm",
  inputs: 1,
  fields,
  shape: keepsShape,
  parameters: (inputs) => ({
    gamma: perChannel(inputs, "ones"),
    beta: perChannel(inputs, "zeros"),
    movingMean: perChannel(inputs, "zeros", "statistic"),
    movingVariance: { ...perChannel(inputs, "ones", "statistic"), neverNegative: "variance" },
  }),
  is: { perRow: true, affine: true },
});
