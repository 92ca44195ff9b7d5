/** Our kernels on a problem: from f32 activations to the bits that the next layer reads. */
import { createArena } from "../../ts/runtime/arena.ts";
import {
  byteWeightBytes,
  type ConvShape,
  encodeConvShape,
  groups,
  lookupWeightBytes,
  paddedPixels,
  reduction,
  startBytes,
  taps,
  windowShape,
  words,
  wordWeightBytes,
} from "../../ts/runtime/conv-shape.ts";
import type { KernelName } from "../../ts/runtime/exports.ts";
import { type KernelInstance, pageBytes } from "../../ts/runtime/instantiate.ts";
import { BINARY_KERNELS, type BinaryKernel } from "../../ts/runtime/probe.ts";
import type { Problem } from "./problem.ts";

export type PadValue = "zero" | "one";

/** One kernel on one problem. */
export interface OurConvolution {
  readonly kernel: BinaryKernel;
  /** The whole operation: signs of f32 activations to bits, product, thresholds, bits. */
  readonly whole: () => number;
  /** The same from bits: what a layer between binary layers costs. */
  readonly fromBits: () => number;
  /** The signs that the last run left, `[size][size][channels]`: 1 for +1, 0 for -1. */
  readonly signs: () => Uint8Array;
}

/** What goes with a kernel: how it reads weights, and how it reads and writes activations. */
interface Layout {
  readonly conv: KernelName;
  readonly packWeights: KernelName;
  readonly weightBytes: (shape: ConvShape) => number;
  readonly sign: KernelName;
  readonly fillBorder: KernelName;
  readonly pixelBytes: (channels: number) => number;
  /** The byte of a pixel that holds a channel's bit, and the bit's number in it. */
  readonly place: (channel: number) => readonly [byte: number, bit: number];
}

/** Four channels a byte, in its high half. */
const NIBBLES = {
  sign: "sign_nibbles",
  fillBorder: "fill_border_nibbles",
  pixelBytes: groups,
  place: (channel: number) => [channel >> 2, 4 + (channel & 3)] as const,
} as const;

/** Little-endian 64-bit words, so the bytes are in the order of the channels. */
const WORDS = {
  sign: "sign_words",
  fillBorder: "fill_border_words",
  pixelBytes: (channels: number) => 8 * words(channels),
  place: (channel: number) => [channel >> 3, channel & 7] as const,
} as const;

const LAYOUTS: Readonly<Record<BinaryKernel, Layout>> = {
  lookup: {
    ...NIBBLES,
    conv: "bb_lookup_conv_bits",
    packWeights: "pack_lookup_weights",
    weightBytes: lookupWeightBytes,
  },
  popcnt8: { ...WORDS, conv: "bb_popcnt8_conv_bits", packWeights: "pack_byte_weights", weightBytes: byteWeightBytes },
  popcnt64: { ...WORDS, conv: "bb_popcnt64_conv_bits", packWeights: "pack_word_weights", weightBytes: wordWeightBytes },
};

function shapeOf({ size, channels }: Problem, padValue: PadValue): ConvShape {
  return windowShape(1, {
    ...{ height: size, width: size, channels, kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 },
    ...{ padTop: 1, padLeft: 1, paddedHeight: size + 2, paddedWidth: size + 2, outHeight: size, outWidth: size },
    ...{ filters: channels, padValue },
  });
}

/** Every kernel over the instance, laid out in memory of its own. */
export function ourConvolutions(
  { exports, memory }: KernelInstance,
  problem: Problem,
  padValue: PadValue,
): readonly OurConvolution[] {
  const shape = shapeOf(problem, padValue);
  const { channels } = problem;
  const k = reduction(shape);
  const bytes = 40 * 9 * channels * channels + 64 * paddedPixels(shape) * channels + (1 << 16);
  const arena = createArena(memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes);
  const floats = (values: Float32Array): number => {
    const address = arena.allocate(4 * values.length);
    new Float32Array(memory.buffer, address).set(values);
    return address;
  };
  const at = arena.allocate(64);
  new Uint8Array(memory.buffer, at).set(encodeConvShape(shape));
  const [x, kernel, scale, shift] = [problem.x, problem.kernel, problem.scale, problem.shift].map(floats) as [
    number,
    number,
    number,
    number,
  ];
  const file = arena.allocate(channels * Math.ceil(k / 8));
  const correction = arena.allocate(4 * taps(shape) * channels);
  const [thresholds, flips] = [arena.allocate(4 * channels), arena.allocate(channels)];
  const [starts, limits] = [arena.allocate(startBytes(shape)), arena.allocate(startBytes(shape))];
  exports.pack_file_bits(kernel, k, channels, file);
  exports.bb_correction(at, file, correction);
  exports.fold_thresholds(scale, shift, channels, k, thresholds, flips);
  exports.bb_starts(at, correction, starts);
  exports.bb_limits(at, starts, thresholds, limits);

  return BINARY_KERNELS.map((name) => {
    const layout = LAYOUTS[name];
    const pixel = layout.pixelBytes(channels);
    const [input, output] = [arena.allocate(paddedPixels(shape) * pixel), arena.allocate(paddedPixels(shape) * pixel)];
    const weights = arena.allocate(layout.weightBytes(shape));
    const mask = arena.allocate(pixel);
    exports[layout.fillBorder](at, input);
    exports[layout.fillBorder](at, output);
    exports[layout.sign](at, x, input);
    exports[layout.packWeights](at, file, weights);
    for (const [channel, flip] of new Uint8Array(memory.buffer, flips, channels).entries()) {
      const [byte, bit] = layout.place(channel);
      const view = new Uint8Array(memory.buffer, mask + byte, 1);
      if (flip !== 0) view[0] = (view[0] as number) | (1 << bit);
    }
    const [sign, conv] = [exports[layout.sign], exports[layout.conv]];
    const fromBits = () => conv(at, input, weights, limits, mask, at, output, 0, channels);
    return {
      kernel: name,
      whole: () => sign(at, x, input) + fromBits(),
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
