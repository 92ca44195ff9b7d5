/** Properties of the +-1 by +-1 convolution: three kernels, each with three ends, whole and by ranges of filters. */
import { borderPatterns, type ConvShape } from "../../ts/runtime/conv-shape.ts";
import { type Case, convolutions, dense, geometry, numbers } from "./arbitrary.ts";
import type { Bench, Tensor } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import * as naive from "./naive.ts";
import {
  bitsOf,
  byteWeights,
  lookupWeights,
  nibbles,
  packedWords,
  starts,
  tapSums,
  wordWeights,
} from "./naive-bits.ts";
import { property } from "./property.ts";

/** Long sums: past every width that partial counts are kept in (62 groups, 32,766 terms). */
const long: readonly Case[] = [
  { shape: dense(5, 2048, 33), seed: 1 },
  { shape: dense(2, 66_000, 17), seed: 2 },
  { shape: dense(9, 251, 3), seed: 3 },
];

type Kernel = "lookup" | "popcnt8" | "popcnt64";

/** A kernel with its operands in memory, and how bits look in its layout. */
interface Operands {
  readonly kernel: Kernel;
  readonly shape: ConvShape;
  readonly descriptor: Tensor<Uint8Array>;
  readonly bits: Tensor<Uint8Array>;
  readonly weights: Tensor<Uint8Array>;
  readonly starts: Tensor<Int32Array>;
  readonly pack: (shape: ConvShape, bits: Uint8Array) => Uint8Array;
}

const wordBytes = (shape: ConvShape, bits: Uint8Array): Uint8Array => new Uint8Array(packedWords(shape, bits).buffer);

function operandsOf(bench: Bench, shape: ConvShape, x: Float32Array, w: Float32Array): readonly Operands[] {
  const [descriptor, bits] = [bench.shape(shape), bitsOf(x)];
  const expected = starts(shape, tapSums(shape, w));
  const found = bench.output(Int32Array, borderPatterns(shape) * 16 * Math.ceil(shape.filters / 16));
  status("bb_starts", bench.call("bb_starts", descriptor, bench.input(tapSums(shape, w)), found), 0);
  sameBits("starts", found.read(), expected);
  const common = { shape, descriptor, starts: bench.input(expected) };
  const words = bench.input(wordBytes(shape, bits));
  return [
    {
      ...{ ...common, kernel: "lookup", bits: bench.input(nibbles(shape, bits)), pack: nibbles },
      weights: bench.input(lookupWeights(shape, w)),
    },
    { ...common, kernel: "popcnt8", bits: words, weights: bench.input(byteWeights(shape, w)), pack: wordBytes },
    {
      ...{ ...common, kernel: "popcnt64", bits: words, pack: wordBytes },
      weights: bench.input(new Uint8Array(wordWeights(shape, w).buffer)),
    },
  ];
}

/** The filters in one or two ranges. */
function rangesOf(shape: ConvShape, seed: number): readonly (readonly [first: number, count: number])[] {
  const cut = 32 * (seed % (Math.floor(shape.filters / 32) + 1));
  return [
    [0, cut],
    [cut, shape.filters - cut],
  ];
}

/** A layer that reads what `shape` writes, with a border of its own. */
function nextOf(shape: ConvShape, seed: number): ConvShape {
  const { images, outHeight, outWidth, filters } = shape;
  const size = 1 + (seed % 4);
  return geometry({
    ...{ images, height: outHeight, width: outWidth, channels: filters, filters: 1 },
    ...{ kernel: [size, size], strides: [1, 1], same: true, padOne: seed % 3 === 0 },
  });
}

/** The border of the layer's padded input, as it is before anything is written into it. */
const border = ({ pack }: Operands, next: ConvShape, count: number): Uint8Array => pack(next, new Uint8Array(count));

function real(bench: Bench, operands: Operands, sums: Int32Array, seed: number): void {
  const { kernel, descriptor, bits, weights } = operands;
  const out = bench.output(Float32Array, sums.length);
  for (const range of rangesOf(operands.shape, seed)) {
    const name = `bb_${kernel}_conv_real` as const;
    status(name, bench.call(name, descriptor, bits, weights, operands.starts, out, ...range), 0);
  }
  sameBits(`${kernel}, real`, out.read(), Float32Array.from(sums));
}

function thresholded(bench: Bench, operands: Operands, sums: Int32Array, seed: number): void {
  const { kernel, shape, descriptor, bits, weights } = operands;
  const { filters } = shape;
  const [random, next] = [numbers(seed), nextOf(shape, seed)];
  const thresholds = Int32Array.from({ length: filters }, (_, filter) => {
    const near = random.below(16);
    if (near < 2) return [-(2 ** 31), 2 ** 31 - 1][near] as number;
    return (sums[filter + filters * random.below(naive.outputPixels(shape))] as number) + (near >> 1) - 4;
  });
  const flips = random.bytes(filters, 2);
  const limits = bench.output(Int32Array, operands.starts.read().length);
  const thresholdsIn = bench.input(thresholds);
  status("bb_limits", bench.call("bb_limits", descriptor, operands.starts, thresholdsIn, limits), 0);
  limits.read();
  const mask = bench.input(operands.pack(dense(1, filters, 1), flips));
  const out = bench.state(border(operands, next, sums.length));
  const nextIn = bench.shape(next);
  for (const range of rangesOf(shape, seed >> 4)) {
    const name = `bb_${kernel}_conv_bits` as const;
    status(name, bench.call(name, descriptor, bits, weights, limits, mask, nextIn, out, ...range), 0);
  }
  const expected = Uint8Array.from(
    sums,
    (sum, i) => Number(sum >= (thresholds[i % filters] as number)) ^ (flips[i % filters] as number),
  );
  sameBits(`${kernel}, bits`, out.read(), operands.pack(next, expected));
}

function normalised(bench: Bench, operands: Operands, sums: Int32Array, seed: number): void {
  const { kernel, shape, descriptor, bits, weights } = operands;
  const { filters } = shape;
  const [random, next] = [numbers(seed), nextOf(shape, seed)];
  const [scale, shift, residual] = [random.reals(filters), random.reals(filters), random.reals(sums.length)];
  const plain = Float32Array.from(sums, (sum, i) => Math.fround(sum * scale[i % filters]!) + shift[i % filters]!);
  const added = plain.map((y, i) => y + residual[i]!);
  const fold = [bench.input(scale), bench.input(shift)] as const;
  const [residualIn, nextIn] = [bench.input(residual), bench.shape(next)];
  const name = `bb_${kernel}_conv_norm` as const;
  const run = (from: Tensor<Float32Array> | 0, out: Tensor<Float32Array> | 0, to: Tensor<Uint8Array> | 0): number =>
    rangesOf(shape, seed >> 4).reduce((worst, range) => {
      const ends = [from, out, to === 0 ? 0 : nextIn, to, ...range] as const;
      return Math.max(worst, bench.call(name, descriptor, bits, weights, operands.starts, ...fold, ...ends));
    }, 0);

  const [inPlace, both] = [bench.state(residual), bench.state(border(operands, next, sums.length))];
  status(name, run(inPlace, inPlace, both), 0);
  sameBits(`${kernel}, normalised and added`, inPlace.read(), added);
  sameBits(`${kernel}, signs beside it`, both.read(), operands.pack(next, bitsOf(added)));
  const alone = bench.output(Float32Array, sums.length);
  status(name, run(0, alone, 0), 0);
  sameBits(`${kernel}, normalised`, alone.read(), plain);
  const signs = bench.state(border(operands, next, sums.length));
  status(name, run(residualIn, 0, signs), 0);
  sameBits(`${kernel}, signs`, signs.read(), operands.pack(next, bitsOf(added)));
  const nan = residual.slice();
  nan[random.below(nan.length)] = Number.NaN;
  status(name, run(bench.input(nan), 0, 0), 1);
}

const all = property(
  "+-1 times +-1, fused: real sums, bits by thresholds, normalised reals and their signs",
  convolutions,
  (bench, { shape, seed }) => {
    const random = numbers(seed);
    const x = random.reals(naive.inputPixels(shape) * shape.channels);
    const w = random.reals(naive.terms(shape) * shape.filters);
    const sums = naive.signConv(shape, x, w);
    for (const operands of operandsOf(bench, shape, x, w)) {
      real(bench, operands, sums, seed);
      thresholded(bench, operands, sums, seed);
      normalised(bench, operands, sums, seed);
    }
  },
  { examples: long, runs: 60 },
);

const extremes = property(
  "+-1 times +-1, fused: the largest and the smallest sums",
  convolutions,
  (bench, { shape, seed }) => {
    for (const weight of [1, -1]) {
      bench.fresh();
      const x = new Float32Array(naive.inputPixels(shape) * shape.channels).fill(1);
      const w = new Float32Array(naive.terms(shape) * shape.filters).fill(weight);
      const sums = naive.signConv(shape, x, w);
      for (const operands of operandsOf(bench, shape, x, w)) {
        real(bench, operands, sums, seed);
        thresholded(bench, operands, sums, seed);
      }
    }
  },
  { examples: long, runs: 10 },
);

const byteWeightLayout = property("byte weights from file bits", convolutions, (bench, { shape, seed }) => {
  const w = numbers(seed).reals(naive.terms(shape) * shape.filters);
  const file = bench.output(Uint8Array, Math.ceil(naive.terms(shape) / 8) * shape.filters);
  status("pack_file_bits", bench.call("pack_file_bits", bench.input(w), naive.terms(shape), shape.filters, file), 0);
  const out = bench.output(Uint8Array, byteWeights(shape, w).length);
  status("pack_byte_weights", bench.call("pack_byte_weights", bench.shape(shape), file, out), 0);
  sameBits("byte weights", out.read(), byteWeights(shape, w));
});

export const binaryProperties = [all, extremes, byteWeightLayout];
