/** Sizes of vision transformers, which random cases seldom draw: tokens of an image, and the features of a head. */
import { attentionKinds } from "../../ts/program/attention.ts";

/** Around the tiles of the kernels, and those of DeiT. Of many tokens one head is enough. */
const sizes = [
  { heads: 2, tokens: 1, width: 8 },
  { heads: 2, tokens: 2, width: 16 },
  { heads: 2, tokens: 49, width: 33 },
  { heads: 2, tokens: 64, width: 80 },
  { heads: 2, tokens: 65, width: 32 },
  { heads: 1, tokens: 197, width: 64 },
] as const;

/** Those sizes with the seed of their numbers. */
export const tokenSizes = sizes.map((size, i) => ({ images: 1, ...size, seed: i + 1 }));

const kinds = Object.keys(attentionKinds) as readonly (keyof typeof attentionKinds)[];

/** Attention of as many keys as tokens, over all kinds of matrix in turn. */
export const attentionSizes = tokenSizes.map((size, i) => ({
  ...size,
  kind: kinds[i % kinds.length] as keyof typeof attentionKinds,
  keys: size.tokens,
  valueWidth: size.width,
}));
