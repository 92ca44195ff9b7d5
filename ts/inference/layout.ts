/**
 * The three kernels of the +-1 by +-1 product, behind one set of names. The look-up kernel reads activations as nibbles
 * (four channels a byte), the popcount kernels as 64-bit words; everything that writes or reads bits goes with it.
 */
import {
  byteWeightBytes,
  type ConvShape,
  groups,
  lookupWeightBytes,
  words,
  wordWeightBytes,
} from "../runtime/conv-shape.ts";
import type { KernelName } from "../runtime/exports.ts";
import type { BinaryKernel } from "../runtime/probe.ts";

/** How bits lie in memory, and the kernels that write and pool them. */
export interface BitLayout {
  readonly name: "nibbles" | "words";
  /** Bytes of one pixel of `channels` bits. */
  readonly pixelBytes: (channels: number) => number;
  readonly fillBorder: KernelName;
  readonly sign: KernelName;
  readonly maxPool: KernelName;
  /** One pixel with the bits of those channels set whose flip is not 0. */
  readonly mask: (flips: Uint8Array) => Uint8Array;
}

/** A kernel of the product, with what it may do to its sums on the way out: f32, bits, or batch norm and residual. */
export interface ProductKernel {
  readonly layout: BitLayout;
  readonly weightBytes: (shape: ConvShape) => number;
  readonly packWeights: KernelName;
  readonly convReal: KernelName;
  readonly convBits: KernelName;
  readonly convNorm: KernelName;
}

export const NIBBLES: BitLayout = {
  name: "nibbles",
  pixelBytes: groups,
  fillBorder: "fill_border_nibbles",
  sign: "sign_nibbles",
  maxPool: "max_pool_nibbles",
  mask: (flips) => {
    const mask = new Uint8Array(groups(flips.length));
    flips.forEach((flip, channel) => {
      if (flip !== 0) mask[channel >> 2] = (mask[channel >> 2] as number) | (0x10 << (channel & 3));
    });
    return mask;
  },
};

const WORDS: BitLayout = {
  name: "words",
  pixelBytes: (channels) => 8 * words(channels),
  fillBorder: "fill_border_words",
  sign: "sign_words",
  maxPool: "max_pool_words",
  mask: (flips) => {
    const mask = new Uint8Array(8 * words(flips.length));
    flips.forEach((flip, channel) => {
      if (flip !== 0) mask[channel >> 3] = (mask[channel >> 3] as number) | (1 << (channel & 7));
    });
    return mask;
  },
};

export const PRODUCT_KERNELS: Readonly<Record<BinaryKernel, ProductKernel>> = {
  lookup: {
    layout: NIBBLES,
    weightBytes: lookupWeightBytes,
    packWeights: "pack_lookup_weights",
    convReal: "bb_lookup_conv_real",
    convBits: "bb_lookup_conv_bits",
    convNorm: "bb_lookup_conv_norm",
  },
  popcnt8: {
    layout: WORDS,
    weightBytes: byteWeightBytes,
    packWeights: "pack_byte_weights",
    convReal: "bb_popcnt8_conv_real",
    convBits: "bb_popcnt8_conv_bits",
    convNorm: "bb_popcnt8_conv_norm",
  },
  popcnt64: {
    layout: WORDS,
    weightBytes: wordWeightBytes,
    packWeights: "pack_word_weights",
    convReal: "bb_popcnt64_conv_real",
    convBits: "bb_popcnt64_conv_bits",
    convNorm: "bb_popcnt64_conv_norm",
  },
};
