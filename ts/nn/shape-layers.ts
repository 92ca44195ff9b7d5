/** The layers that put numbers elsewhere, or others between them; `layers.ts` has them beside all others. */
import type { LayerOptions } from "./fields.ts";
import type { Layer } from "./layer.ts";
import { buildLayer as build } from "./layer-options.ts";
import type {
  ConcatenateOptions,
  PermuteOptions,
  ReshapeOptions,
  UpSampling2dOptions,
  ZeroPadding2dOptions,
} from "./ops/options.ts";

/** Any shape to one axis, rows first, channels innermost. */
export function flatten(options: LayerOptions = {}): Layer {
  return build("flatten", options);
}

/**
 * Two tensors one behind the other along an axis, which is the last one by default: `layers.concatenate().apply([a, b])`.
 * Along all other axes they have the same sizes.
 */
export function concatenate(options: ConcatenateOptions = {}): Layer {
  return build("concatenate", options);
}

/** The same numbers in the same order under another shape, of which one axis may be -1. It costs nothing. */
export function reshape(options: ReshapeOptions): Layer {
  return build("reshape", options);
}

/** Axes in another order, counted from 1 as in Keras: `layers.permute({ dims: [2, 1] })` turns a matrix. */
export function permute(options: PermuteOptions): Layer {
  return build("permute", options);
}

/** Makes images larger by whole factors, 2 by default: repeats their pixels, or puts others between them. */
export function upSampling2d(options: UpSampling2dOptions = {}): Layer {
  return build("upSampling2d", options);
}

/** Rows and columns of zeros around images; one on each side by default. */
export function zeroPadding2d(options: ZeroPadding2dOptions = {}): Layer {
  return build("zeroPadding2d", options);
}
