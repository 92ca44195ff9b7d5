/** Our kernels on a problem: from f32 activations to the bits that the next layer reads. */
import { createArena } from "../../ts/program/arena.ts";
import { type KernelCall, kernelsOver } from "../../ts/program/call.ts";
import { encodeConvShape, windowShape } from "../../ts/program/conv-shape.ts";
import { ready } from "../../ts/program/exports.ts";
import {
  byteWeightBytes,
  CONV_SHAPE_BYTES,
  type ConvShape,
  codewordWeightBytes,
  fileBytes,
  groups,
  lookupWeightBytes,
  paddedPixels,
  startBytes,
  taps,
  terms,
  words,
  wordWeightBytes,
} from "../../ts/program/kernels.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { BINARY_KERNELS, type BinaryKernel } from "../../ts/runtime/probe.ts";
import type { Problem } from "./problem.ts";

const k = kernelsOver<number>();

export type PadValue = "zero" | "one";

/** Those that any weights go with, and the one for few codewords. */
export type OurKernel = BinaryKernel | "codewords";

/** One kernel on one problem. */
export interface OurConvolution {
  readonly kernel: OurKernel;
  /** The whole operation: signs of f32 activations to bits, product, thresholds, bits. */
  readonly whole: () => number;
  /** The operation from bits, which is the cost of a layer between binary layers. */
  readonly fromBits: () => number;
  /** The signs that the last run left, `[size][size][channels]`: 1 for +1, 0 for -1. */
  readonly signs: () => Uint8Array;
}

/** A kernel with its layout: the calls that prepare its weights, and that read and write its activations. */
interface Layout {
  readonly conv: typeof k.bbLookupConvBits;
  readonly packWeights: typeof k.packLookupWeights;
  readonly weightBytes: (shape: ConvShape) => number;
  readonly sign: typeof k.signNibbles;
  readonly fillBorder: typeof k.fillBorderNibbles;
  readonly packFlips: typeof k.packFlipsNibbles;
  readonly pixelBytes: (channels: number) => number;
  /** The byte of a pixel that holds a channel's bit, and the bit's number in it. */
  readonly place: (channel: number) => readonly [byte: number, bit: number];
}

/** Four channels a byte, in its high half. */
const NIBBLES = {
  sign: k.signNibbles,
  fillBorder: k.fillBorderNibbles,
  packFlips: k.packFlipsNibbles,
  pixelBytes: groups,
  place: (channel: number) => [channel >> 2, 4 + (channel & 3)] as const,
} as const;

/** Little-endian 64-bit words, so the bytes are in the order of the channels. */
const WORDS = {
  sign: k.signWords,
  fillBorder: k.fillBorderWords,
  packFlips: k.packFlipsWords,
  pixelBytes: (channels: number) => 8 * words(channels),
  place: (channel: number) => [channel >> 3, channel & 7] as const,
} as const;

const LAYOUTS: Readonly<Record<OurKernel, Layout>> = {
  lookup: {
    ...NIBBLES,
    conv: k.bbLookupConvBits,
    packWeights: k.packLookupWeights,
    weightBytes: lookupWeightBytes,
  },
  codewords: {
    ...NIBBLES,
    conv: k.bbCodewordConvBits,
    packWeights: k.packCodewordWeights,
    weightBytes: codewordWeightBytes,
  },
  popcnt8: { ...WORDS, conv: k.bbPopcnt8ConvBits, packWeights: k.packByteWeights, weightBytes: byteWeightBytes },
  popcnt64: { ...WORDS, conv: k.bbPopcnt64ConvBits, packWeights: k.packWordWeights, weightBytes: wordWeightBytes },
};

function shapeOf({ size, channels }: Problem, padValue: PadValue): ConvShape {
  return windowShape(1, {
    ...{ height: size, width: size, channels, kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
    ...{ dilationHeight: 1, dilationWidth: 1 },
    ...{ padTop: 1, padLeft: 1, paddedHeight: size + 2, paddedWidth: size + 2, outHeight: size, outWidth: size },
    ...{ filters: channels, padValue },
  });
}

/** These kernels over the instance, each laid out in memory of its own. */
export function ourConvolutions(
  { exports, memory }: KernelInstance,
  problem: Problem,
  padValue: PadValue,
  kernels: readonly OurKernel[] = BINARY_KERNELS,
): readonly OurConvolution[] {
  const shape = shapeOf(problem, padValue);
  const { channels } = problem;
  const rows = terms(shape);
  const run = (call: KernelCall<number>): void => {
    if (ready(exports, call)() !== 0) throw new Error(`${call.kernel} met a number that is not finite`);
  };
  const bytes = 40 * 9 * channels * channels + 64 * paddedPixels(shape) * channels + (1 << 16);
  const arena = createArena(memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes);
  const floats = (values: Float32Array): number => {
    const address = arena.allocate(4 * values.length);
    new Float32Array(memory.buffer, address).set(values);
    return address;
  };
  const at = arena.allocate(CONV_SHAPE_BYTES);
  new Uint8Array(memory.buffer, at).set(encodeConvShape(shape));
  const [x, kernel, scale, shift] = [problem.x, problem.kernel, problem.scale, problem.shift].map(floats) as [
    number,
    number,
    number,
    number,
  ];
  const file = arena.allocate(fileBytes(rows, channels));
  const correction = arena.allocate(4 * taps(shape) * channels);
  const [thresholds, flips] = [arena.allocate(4 * channels), arena.allocate(channels)];
  const [starts, limits] = [arena.allocate(startBytes(shape)), arena.allocate(startBytes(shape))];
  run(k.packFileBits({ kernel, k: rows, n: channels, out: file }));
  run(k.bbCorrection({ shape: at, bits: file, out: correction }));
  run(k.foldThresholds({ scale, shift, channels, bound: rows, thresholds, flips, factors: null, middle: null }));
  run(k.bbStarts({ shape: at, correction, starts }));
  run(k.bbLimits({ shape: at, starts, thresholds, limits }));

  return kernels.map((name) => {
    const layout = LAYOUTS[name];
    const pixel = layout.pixelBytes(channels);
    const [input, output] = [arena.allocate(paddedPixels(shape) * pixel), arena.allocate(paddedPixels(shape) * pixel)];
    const weights = arena.allocate(layout.weightBytes(shape));
    const mask = arena.allocate(pixel);
    run(layout.fillBorder({ shape: at, out: input }));
    run(layout.fillBorder({ shape: at, out: output }));
    run(layout.sign({ shape: at, x, out: input }));
    run(layout.packWeights({ shape: at, bits: file, out: weights }));
    run(layout.packFlips({ flips, channels, out: mask }));
    const sign = ready(exports, layout.sign({ shape: at, x, out: input }));
    const product = { shape: at, bits: input, weights, limits, mask, first: 0, count: channels };
    const fromBits = ready(exports, layout.conv({ ...product, next: at, nextBits: output }));
    return {
      kernel: name,
      whole: () => sign() + fromBits(),
      fromBits,
      signs: () => readSigns(new Uint8Array(memory.buffer, output, paddedPixels(shape) * pixel), shape, layout),
    };
  });
}

/** The bits of a padded buffer, without its border, a byte each. */
function readSigns(bytes: Uint8Array, shape: ConvShape, { pixelBytes, place }: Layout): Uint8Array {
  const { height, width, channels, paddedWidth, padTop, padLeft } = shape;
  return Uint8Array.from({ length: height * width * channels }, (_, at) => {
    const [pixel, channel] = [Math.floor(at / channels), at % channels];
    const [row, column] = [Math.floor(pixel / width) + padTop, (pixel % width) + padLeft];
    const [byte, bit] = place(channel);
    return ((bytes[(row * paddedWidth + column) * pixelBytes(channels) + byte] as number) >> bit) & 1;
  });
}
