/**
 * In training y = x / sqrt(var + epsilon), with the variance over all elements of an example, n - 1 below it; otherwise y = x. A
 * sign behind it is the same either way. ReCU (Xu et al., ICCV 2021) and BiPer (Vargas et al., CVPR 2024) have it in front of
 * binary activations.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation } from "./op.ts";

export interface UnitDeviationOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number | undefined;
}

const fields = { epsilon: optional(number(1e-12, 1), 1e-5) } satisfies FieldsFor<UnitDeviationOptions>;

export const unitDeviation = operation({
  name: "unitDeviation",
  kind: "unit_deviation",
  inputs: 1,
  fields,
  shape: keepsShape,
  is: { onlyInTraining: true },
});
