/** Properties of the +-1 by +-1 convolution: three kernels, each with three ends, whole and by ranges of filters. */
import { borderPatterns, type ConvShape } from "../../ts/program/kernels.ts";
import { type Case, codewordConvolutions, convolutions, dense, geometry, numbers } from "./arbitrary.ts";
import { type Bench, k, type Tensor } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import * as naive from "./naive.ts";
import {
  areaSums,
  bitsOf,
  byteWeights,
  codewordWeights,
  fileBits,
  lookupWeights,
  nibbles,
  packedWords,
  starts,
  tapSums,
  unitStarts,
  wordWeights,
} from "./naive-bits.ts";
import { property } from "./property.ts";

/** Long sums: past every width that partial counts are kept in (62 groups, 32,766 terms). */
const long: readonly Case[] = [
  { shape: dense(5, 2048, 33), seed: 1 },
  { shape: dense(2, 66_000, 17), seed: 2 },
  { shape: dense(9, 251, 3), seed: 3 },
];

type Kernel = "lookup" | "codewords" | "popcnt8" | "popcnt64";

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
  status(
    "bb_starts",
    bench.call(k.bbStarts({ shape: descriptor, correction: bench.input(areaSums(shape, w)), starts: found })),
    0,
  );
  sameBits("starts", found.read(), expected);
  const correction = bench.input(areaSums(shape, w));
  status("bb_unit_starts", bench.call(k.bbUnitStarts({ shape: descriptor, correction, starts: found })), 0);
  sameBits("unit starts", found.read(), unitStarts(shape, tapSums(shape, w), borderPatterns(shape)));
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

/** The kernels of the product, with each end. */
const KERNELS = {
  codewords: { real: k.bbCodewordConvReal, bits: k.bbCodewordConvBits, norm: k.bbCodewordConvNorm },
  lookup: { real: k.bbLookupConvReal, bits: k.bbLookupConvBits, norm: k.bbLookupConvNorm },
  popcnt8: { real: k.bbPopcnt8ConvReal, bits: k.bbPopcnt8ConvBits, norm: k.bbPopcnt8ConvNorm },
  popcnt64: { real: k.bbPopcnt64ConvReal, bits: k.bbPopcnt64ConvBits, norm: k.bbPopcnt64ConvNorm },
} as const;

/** The filters in one or two ranges. */
function rangesOf(shape: ConvShape, seed: number): readonly { readonly first: number; readonly count: number }[] {
  const cut = 32 * (seed % (Math.floor(shape.filters / 32) + 1));
  return [
    { first: 0, count: cut },
    { first: cut, count: shape.filters - cut },
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
  const { kernel, descriptor, bits, weights, starts } = operands;
  const out = bench.output(Float32Array, sums.length);
  for (const range of rangesOf(operands.shape, seed)) {
    const call = KERNELS[kernel].real({ shape: descriptor, bits, weights, starts, out, ...range });
    status(call.kernel, bench.call(call), 0);
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
  status(
    "bb_limits",
    bench.call(k.bbLimits({ shape: descriptor, starts: operands.starts, thresholds: thresholdsIn, limits })),
    0,
  );
  limits.read();
  const mask = bench.input(operands.pack(dense(1, filters, 1), flips));
  const out = bench.state(border(operands, next, sums.length));
  const nextIn = bench.shape(next);
  for (const range of rangesOf(shape, seed >> 4)) {
    const target = { next: nextIn, nextBits: out };
    const call = KERNELS[kernel].bits({ shape: descriptor, bits, weights, limits, mask, ...target, ...range });
    status(call.kernel, bench.call(call), 0);
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
  const fold = { scale: bench.input(scale), shift: bench.input(shift) };
  const [residualIn, nextIn] = [bench.input(residual), bench.shape(next)];
  const name = `${kernel}, normalised`;
  const product = { shape: descriptor, bits, weights, starts: operands.starts, ...fold };
  const run = (
    from: Tensor<Float32Array> | null,
    out: Tensor<Float32Array> | null,
    to: Tensor<Uint8Array> | null,
  ): number =>
    rangesOf(shape, seed >> 4).reduce((worst, range) => {
      const ends = { residual: from, out, next: to === null ? null : nextIn, nextBits: to, ...range };
      return Math.max(worst, bench.call(KERNELS[kernel].norm({ ...product, ...ends })));
    }, 0);

  const [inPlace, both] = [bench.state(residual), bench.state(border(operands, next, sums.length))];
  status(name, run(inPlace, inPlace, both), 0);
  sameBits(`${kernel}, normalised and added`, inPlace.read(), added);
  sameBits(`${kernel}, signs beside it`, both.read(), operands.pack(next, bitsOf(added)));
  const alone = bench.output(Float32Array, sums.length);
  status(name, run(null, alone, null), 0);
  sameBits(`${kernel}, normalised`, alone.read(), plain);
  const signs = bench.state(border(operands, next, sums.length));
  status(name, run(residualIn, null, signs), 0);
  sameBits(`${kernel}, signs`, signs.read(), operands.pack(next, bitsOf(added)));
  const nan = residual.slice();
  nan[random.below(nan.length)] = Number.NaN;
  status(name, run(bench.input(nan), null, null), 1);
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

const codewords = property(
  "+-1 times +-1 of few codewords, fused: weights, real sums, bits by thresholds, normalised reals and their signs",
  codewordConvolutions,
  (bench, { shape, seed, words }) => {
    const random = numbers(seed);
    const { channels, filters } = shape;
    const x = random.reals(naive.inputPixels(shape) * channels);
    const signs = Array.from({ length: words }, () => random.reals(9));
    const chosen = Array.from({ length: channels * filters }, () => random.below(words));
    const w = Float32Array.from({ length: 9 * channels * filters }, (_, at) => {
      return signs[chosen[at % chosen.length]!]![Math.floor(at / chosen.length)]!;
    });
    const sums = naive.signConv(shape, x, w);
    const [lookup] = operandsOf(bench, shape, x, w);
    const expected = codewordWeights(shape, w);
    const weights = bench.output(Uint8Array, expected.length);
    const bits = bench.input(fileBits(w, 9 * channels, filters));
    status(
      "pack_codeword_weights",
      bench.call(k.packCodewordWeights({ shape: bench.shape(shape), bits, out: weights })),
      0,
    );
    sameBits("codeword weights", weights.read(), expected);
    const operands = { ...lookup!, kernel: "codewords", weights: bench.input(expected) } as const;
    real(bench, operands, sums, seed);
    thresholded(bench, operands, sums, seed);
    normalised(bench, operands, sums, seed);
  },
  { runs: 30 },
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
  status(
    "pack_file_bits",
    bench.call(k.packFileBits({ kernel: bench.input(w), k: naive.terms(shape), n: shape.filters, out: file })),
    0,
  );
  const out = bench.output(Uint8Array, byteWeights(shape, w).length);
  status("pack_byte_weights", bench.call(k.packByteWeights({ shape: bench.shape(shape), bits: file, out })), 0);
  sameBits("byte weights", out.read(), byteWeights(shape, w));
});

export const binaryProperties = [all, codewords, extremes, byteWeightLayout];
