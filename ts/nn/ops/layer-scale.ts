/**
 * LayerScale: gamma x with a learned gamma for each channel. Touvron, Cord, Sablayrolles, Synnaeve and Jégou, "Going deeper
 * with Image Transformers", ICCV 2021, section 2.2.
 */
import { type FieldsFor, type LayerOptions, number, optional } from "../fields.ts";
import { keepsShape, operation, perChannel } from "./op.ts";

export interface LayerScaleOptions extends LayerOptions {
  /** The start of every factor, from 0 to 1e6. Default 0.1, as in BinaryViT; CaiT takes 0.1 to 1e-6, by depth. */
  readonly initialValue?: number | undefined;
}

const fields = { initialValue: optional(number(0, 1e6), 0.1) } satisfies FieldsFor<LayerScaleOptions>;

export const layerScale = operation({
  name: "layerScale",
  kind: "layer_scale",
  inputs: 1,
  fields,
  shape: keepsShape,
  parameters: (inputs, { initialValue }) => ({ gamma: perChannel(inputs, initialValue) }),
  is: { perRow: true, affine: true },
});
