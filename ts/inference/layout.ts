/**
 * The kernels of the +-1 by +-1 product, behind one set of names. The look-up kernels read activations as nibbles (four channels
 * a byte), the popcount kernels as 64-bit words; everything that writes or reads bits goes with it.
 */
import { type KernelCall, k } from "../program/inference-call.ts";
import {
  byteWeightBytes,
  type ConvShape,
  codewordWeightBytes,
  groups,
  lookupWeightBytes,
  words,
  wordWeightBytes,
} from "../program/kernels.ts";
import type { BinaryKernel } from "../runtime/probe.ts";

/** How bits lie in memory, and the kernels that write and pool them. */
export interface BitLayout {
  readonly name: "nibbles" | "words";
  /** Bytes of one pixel of `channels` bits. */
  readonly pixelBytes: (channels: number) => number;
  readonly fillBorder: typeof k.fillBorderNibbles;
  readonly sign: typeof k.signNibbles;
  readonly maxPool: typeof k.maxPoolNibbles;
  readonly packFlips: typeof k.packFlipsNibbles;
  /** A scale and a shift that writes such bits beside; null where the core has no kernel for it. */
  readonly normalize: typeof k.normalize | null;
  /** Attention whose queries and keys are such bits. */
  readonly attention: (given: AttentionBits) => KernelCall;
  /** Products of two values of such bits. */
  readonly slices: typeof k.bbSlicesNibbles;
}

type AttentionBits = Parameters<typeof k.attentionNibbles>[0];

/** A kernel of the product, with what it may do to its sums on the way out: f32, bits, or scale, shift and residual. */
export interface ProductKernel {
  readonly layout: BitLayout;
  readonly weightBytes: (shape: ConvShape) => number;
  readonly packWeights: typeof k.packLookupWeights;
  readonly convReal: typeof k.bbLookupConvReal;
  readonly convBits: typeof k.bbLookupConvBits;
  readonly convNorm: typeof k.bbLookupConvNorm;
}

export const NIBBLES: BitLayout = {
  name: "nibbles",
  pixelBytes: groups,
  fillBorder: k.fillBorderNibbles,
  sign: k.signNibbles,
  maxPool: k.maxPoolNibbles,
  packFlips: k.packFlipsNibbles,
  normalize: k.normalize,
  attention: k.attentionNibbles,
  slices: k.bbSlicesNibbles,
};

const WORDS: BitLayout = {
  name: "words",
  pixelBytes: (channels) => 8 * words(channels),
  fillBorder: k.fillBorderWords,
  sign: k.signWords,
  maxPool: k.maxPoolWords,
  packFlips: k.packFlipsWords,
  normalize: null,
  attention: k.attentionWords,
  slices: k.bbSlicesWords,
};

/** The kernel of layers with few codewords (`codewords.ts`), between layers that the kernel `lookup` runs. */
export const CODEWORDS: ProductKernel = {
  layout: NIBBLES,
  weightBytes: codewordWeightBytes,
  packWeights: k.packCodewordWeights,
  convReal: k.bbCodewordConvReal,
  convBits: k.bbCodewordConvBits,
  convNorm: k.bbCodewordConvNorm,
};

export const PRODUCT_KERNELS: Readonly<Record<BinaryKernel, ProductKernel>> = {
  lookup: {
    layout: NIBBLES,
    weightBytes: lookupWeightBytes,
    packWeights: k.packLookupWeights,
    convReal: k.bbLookupConvReal,
    convBits: k.bbLookupConvBits,
    convNorm: k.bbLookupConvNorm,
  },
  popcnt8: {
    layout: WORDS,
    weightBytes: byteWeightBytes,
    packWeights: k.packByteWeights,
    convReal: k.bbPopcnt8ConvReal,
    convBits: k.bbPopcnt8ConvBits,
    convNorm: k.bbPopcnt8ConvNorm,
  },
  popcnt64: {
    layout: WORDS,
    weightBytes: wordWeightBytes,
    packWeights: k.packWordWeights,
    convReal: k.bbPopcnt64ConvReal,
    convBits: k.bbPopcnt64ConvBits,
    convNorm: k.bbPopcnt64ConvNorm,
  },
};
