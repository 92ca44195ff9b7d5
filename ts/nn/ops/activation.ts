/** An elementwise function by its name. */
import { type FieldsFor, type LayerOptions, word } from "../fields.ts";
import { type ActivationName, activations } from "../words.ts";
import { keepsShape, operation } from "./op.ts";

export interface ActivationOptions extends LayerOptions {
  readonly activation: ActivationName;
}

const fields = { activation: word(activations) } satisfies FieldsFor<ActivationOptions>;

export const activation = operation({
  name: "activation",
  kind: "activation",
  inputs: 1,
  fields,
  shape: keepsShape,
  is: { perRow: true },
});
