/** The layers of transformers, over tokens `[tokens, features]`; `layers.ts` has them beside all others. */
import type { LayerOptions } from "./fields.ts";
import type { Layer } from "./layer.ts";
import { buildLayer as build } from "./layer-options.ts";
import type {
  AttentionOptions,
  DropoutOptions,
  LayerScaleOptions,
  MatmulOptions,
  SliceOptions,
} from "./ops/options.ts";

/**
 * Attention in several heads over query, key and value, `[tokens, features]` each: `layers.attention({ heads }).apply([q, k, v])`.
 * The value is `[tokens of the query, features of the value]`. The scores are scaled by 1 / sqrt(features of a head). The
 * matrix is softmax, or one of its binary forms. The formulas and their sources stand in `ops/attention.ts`. Vaswani et al.,
 * "Attention Is All You Need", NeurIPS 2017, section 3.2.2, whose linear layers are dense layers in front and behind.
 */
export function attention(options: AttentionOptions): Layer {
  return build("attention", options);
}

/**
 * The product of two values as matrices, `[rows, terms]` times `[terms, columns]`, image by image:
 * `layers.matmul().apply([a, b])`. With a first axis more in both there are as many products.
 */
export function matmul(options: MatmulOptions = {}): Layer {
  return build("matmul", options);
}

/**
 * Drops whole images of a branch in training with probability `rate`, and makes the others larger by as much; otherwise it
 * does nothing. Draws are those of `dropout`, by an image's place in the batch. Huang et al., "Deep Networks with Stochastic
 * Depth", ECCV 2016.
 */
export function dropPath(options: DropoutOptions): Layer {
  return build("dropPath", options);
}

/**
 * gamma x with a learned gamma for each channel, `initialValue` at first. Keeps the shape. Touvron et al., "Going deeper with
 * Image Transformers", ICCV 2021.
 */
export function layerScale(options: LayerScaleOptions = {}): Layer {
  return build("layerScale", options);
}

/** x + p with a learned number for each element, small at first: tokens `[tokens, features]` get their places. */
export function positionEmbedding(options: LayerOptions = {}): Layer {
  return build("positionEmbedding", options);
}

/** A learned token in front of the others: `[tokens, features]` to `[tokens + 1, features]`. `slice` takes it again. */
export function classToken(options: LayerOptions = {}): Layer {
  return build("classToken", options);
}

/** `size` places from `start` on along an axis, the first token by default: `[tokens, features]` to `[1, features]`. */
export function slice(options: SliceOptions = {}): Layer {
  return build("slice", options);
}

/** The mean of each feature over all tokens: `[tokens, features]` to `[features]`. */
export function globalAvgPool1d(options: LayerOptions = {}): Layer {
  return build("globalAvgPool1d", options);
}
