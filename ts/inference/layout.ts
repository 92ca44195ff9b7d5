/**
 * The three kernels of the +-1 by +-1 product, behind one set of names. The look-up kernel reads activations as nibbles
 * (four channels a byte), the popcount kernels as 64-bit words; everything that writes or reads bits goes with it.
 */
import { type ConvShape, groups, lookupWeightBytes, words, wordWeightBytes } from "../runtime/conv-shape.ts";
import type { KernelName } from "../runtime/exports.ts";
import type { BinaryKernel } from "../runtime/probe.ts";

export interface BitLayout {
  /** Bytes of one pixel of `channels` bits. */
  readonly pixelBytes: (channels: number) => number;
  readonly weightBytes: (shape: ConvShape) => number;
  readonly conv: KernelName;
  readonly packWeights: KernelName;
  readonly fillBorder: KernelName;
  readonly sign: KernelName;
  readonly threshold: KernelName;
  readonly maxPool: KernelName;
  /** One pixel with the bits of those channels set whose flip is not 0. */
  readonly mask: (flips: Uint8Array) => Uint8Array;
}

export const NIBBLES: Omit<BitLayout, "conv"> = {
  pixelBytes: groups,
  weightBytes: lookupWeightBytes,
  packWeights: "pack_lookup_weights",
  fillBorder: "fill_border_nibbles",
  sign: "sign_nibbles",
  threshold: "threshold_nibbles",
  maxPool: "max_pool_nibbles",
  mask: (flips) => {
    const mask = new Uint8Array(groups(flips.length));
    flips.forEach((flip, channel) => {
      if (flip !== 0) mask[channel >> 2] = (mask[channel >> 2] as number) | (0x10 << (channel & 3));
    });
    return mask;
  },
};

const WORDS: Omit<BitLayout, "conv"> = {
  pixelBytes: (channels) => 8 * words(channels),
  weightBytes: wordWeightBytes,
  packWeights: "pack_word_weights",
  fillBorder: "fill_border_words",
  sign: "sign_words",
  threshold: "threshold_words",
  maxPool: "max_pool_words",
  mask: (flips) => {
    const mask = new Uint8Array(8 * words(flips.length));
    flips.forEach((flip, channel) => {
      if (flip !== 0) mask[channel >> 3] = (mask[channel >> 3] as number) | (1 << (channel & 7));
    });
    return mask;
  },
};

export const LAYOUTS: Readonly<Record<BinaryKernel, BitLayout>> = {
  lookup: { ...NIBBLES, conv: "bb_lookup_conv" },
  popcnt8: { ...WORDS, conv: "bb_popcnt8_conv" },
  popcnt64: { ...WORDS, conv: "bb_popcnt64_conv" },
};
