/**
 * AdaBin's activations: |alpha| sign((x - beta) / |alpha|) + beta with one alpha and one beta, learned for the whole tensor.
 * Tu, Chen, Ren and Wang, "AdaBin: Improving Binary Neural Networks with Adaptive Binary Sets", ECCV 2022, section 3.2.
 */
import { keepsShape, noFields, operation } from "./op.ts";

export const adaptiveSign = operation({
  name: "adaptiveSign",
  kind: "adaptive_sign",
  inputs: 1,
  fields: noFields,
  shape: keepsShape,
  parameters: () => ({
    alpha: { role: "real", shape: [1], initializer: "ones" },
    beta: { role: "real", shape: [1], initializer: "zeros" },
  }),
  is: { perRow: true },
});
