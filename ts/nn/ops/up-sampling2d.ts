/**
 * Images made larger by whole factors, as Keras's UpSampling2D does. Nearest repeats pixels: y[i][j] = x[i / h][j / w].
 * Bilinear interpolates between pixels, whose centres lie at half numbers (`crates/kernels/src/bilinear.rs`).
 */
import { type FieldsFor, type LayerOptions, neutral, optional, pair, type Size, word } from "../fields.ts";
import { misfit } from "../shapes.ts";
import { type Interpolation, interpolations } from "../words.ts";
import { operation } from "./op.ts";

export interface UpSampling2dOptions extends LayerOptions {
  /** The factors of height and width. Default 2. */
  readonly size?: Size | undefined;
  /** Default "nearest". */
  readonly interpolation?: Interpolation | undefined;
}

const fields = {
  size: optional(pair(), 2),
  interpolation: neutral(word(interpolations), "nearest"),
} satisfies FieldsFor<UpSampling2dOptions>;

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
