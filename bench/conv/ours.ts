/** Our kernels on a problem: from f32 activations to the bits that the next layer reads. */
import { LAYOUTS } from "../../ts/inference/layout.ts";
import { createArena } from "../../ts/runtime/arena.ts";
import {
  type ConvShape,
  encodeConvShape,
  outputPixels,
  paddedPixels,
  reduction,
  taps,
  windowShape,
} from "../../ts/runtime/conv-shape.ts";
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
  const [k, outputs] = [reduction(shape), outputPixels(shape) * channels];
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
  exports.pack_file_bits(kernel, k, channels, file);
  exports.bb_correction(at, file, correction);
  exports.fold_thresholds(scale, shift, channels, k, thresholds, flips);

  return BINARY_KERNELS.map((name) => {
    const layout = LAYOUTS[name];
    const pixel = layout.pixelBytes(channels);
    const [input, output] = [arena.allocate(paddedPixels(shape) * pixel), arena.allocate(paddedPixels(shape) * pixel)];
    const weights = arena.allocate(layout.weightBytes(shape));
    const mask = arena.allocate(pixel);
    const sums = arena.allocate(4 * outputs);
    exports[layout.fillBorder](at, input);
    exports[layout.fillBorder](at, output);
    exports[layout.sign](at, x, input);
    exports[layout.packWeights](at, file, weights);
    new Uint8Array(memory.buffer, mask).set(layout.mask(new Uint8Array(memory.buffer, flips, channels)));
    const [sign, conv, threshold] = [exports[layout.sign], exports[layout.conv], exports[layout.threshold]];
    const fromBits = () => conv(at, input, weights, correction, sums) + threshold(at, sums, thresholds, mask, output);
    return {
      kernel: name,
      whole: () => sign(at, x, input) + fromBits(),
      fromBits,
      signs: () => readSigns(new Uint8Array(memory.buffer, output, paddedPixels(shape) * pixel), shape, pixel, name),
    };
  });
}

/** The bits of a padded buffer, without its border, a byte each. */
function readSigns(bytes: Uint8Array, shape: ConvShape, pixel: number, kernel: BinaryKernel): Uint8Array {
  const { height, width, channels, paddedWidth, padTop, padLeft } = shape;
  const signs = new Uint8Array(height * width * channels);
  for (let at = 0; at < signs.length; at++) {
    const [channel, column] = [at % channels, Math.floor(at / channels) % width];
    const row = Math.floor(at / channels / width);
    const start = ((row + padTop) * paddedWidth + column + padLeft) * pixel;
    // Nibbles have four channels in the high half of a byte; words are little-endian, so their bytes are in order.
    signs[at] =
      kernel === "lookup"
        ? ((bytes[start + (channel >> 2)] as number) >> (4 + (channel & 3))) & 1
        : ((bytes[start + (channel >> 3)] as number) >> (channel & 7)) & 1;
  }
  return signs;
}
