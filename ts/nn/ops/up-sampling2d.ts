/** Every pixel several times, down and to the right: y[i][j] = x[i / h][j / w], the nearest pixel of Keras's UpSampling2D. */
import { type FieldsFor, type LayerOptions, optional, pair, type Size } from "../fields.ts";
import { misfit } from "../shapes.ts";
import { operation } from "./op.ts";

export interface UpSampling2dOptions extends LayerOptions {
  /** The copies of a pixel, down and to the right. Default 2. */
  readonly size?: Size | undefined;
}

const fields = { size: optional(pair(), 2) } satisfies FieldsFor<UpSampling2dOptions>;

export const upSampling2d = operation({
  name: "upSampling2d",
  kind: "up_sampling2d",
  inputs: 1,
  fields,
  shape: ([input], { size }, layer) => {
    const [height, width, channels] = input;
    if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
      throw misfit(layer, "images [height, width, channels]", input, "Make images of it by layers.reshape().");
    }
    return [height * size[0], width * size[1], channels];
  },
});
