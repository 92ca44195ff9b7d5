/** Properties of everything that packs, unpacks, thresholds and pools bits: all exact. */

import type { ConvShape } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { type Case, convolutions, geometry, numbers, pools, seeds, tails } from "./arbitrary.ts";
import { k, type Tensor } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { anyPool, inputPixels, outputPixels, terms } from "./naive.ts";
import * as naive from "./naive-bits.ts";
import { property } from "./property.ts";

const nothing = (shape: ConvShape): Uint8Array => new Uint8Array(inputPixels(shape) * shape.channels);

/** Reals whose signs matter: infinities and zeros of both signs among them. */
function signed(shape: ConvShape, seed: number): Float32Array {
  const random = numbers(seed);
  const x = random.reals(inputPixels(shape) * shape.channels);
  for (let i = 0; i < x.length; i += 1 + random.below(30)) x[i] = [Infinity, -Infinity, 0, -0, 1e-45][random.below(5)]!;
  return x;
}

const signs = property("signs of activations, and their padding", convolutions, (bench, { shape, seed }) => {
  const x = signed(shape, seed);
  const [descriptor, source] = [bench.shape(shape), bench.input(x)];
  const nibbles = bench.output(Uint8Array, naive.nibbles(shape, nothing(shape)).length);
  status("fill_border_nibbles", bench.call(k.fillBorderNibbles({ shape: descriptor, out: nibbles })), 0);
  const words = bench.output(BigUint64Array, naive.packedWords(shape, nothing(shape)).length);
  status("fill_border_words", bench.call(k.fillBorderWords({ shape: descriptor, out: words })), 0);
  status("sign_nibbles", bench.call(k.signNibbles({ shape: descriptor, x: source, out: nibbles })), 0);
  sameBits("nibbles", nibbles.read(), naive.nibbles(shape, naive.bitsOf(x)));
  status("sign_words", bench.call(k.signWords({ shape: descriptor, x: source, out: words })), 0);
  sameBits("words", words.read(), naive.packedWords(shape, naive.bitsOf(x)));
});

const nanActivations = property("NaN among activations is reported", convolutions, (bench, { shape, seed }) => {
  const random = numbers(seed);
  const x = random.reals(inputPixels(shape) * shape.channels);
  x[random.below(x.length)] = Number.NaN;
  const [descriptor, source] = [bench.shape(shape), bench.input(x)];
  const nibbles = bench.state(naive.nibbles(shape, nothing(shape)));
  status("sign_nibbles", bench.call(k.signNibbles({ shape: descriptor, x: source, out: nibbles })), 1);
  const words = bench.state(naive.packedWords(shape, nothing(shape)));
  status("sign_words", bench.call(k.signWords({ shape: descriptor, x: source, out: words })), 1);
});

const fileBits = property(
  "file bits, there and back",
  fc.record({ rows: fc.integer({ min: 1, max: 300 }), n: tails, seed: seeds }),
  (bench, { rows, n, seed }) => {
    const w = numbers(seed).reals(rows * n);
    const expected = naive.fileBits(w, rows, n);
    const bits = bench.output(Uint8Array, expected.length);
    status("pack_file_bits", bench.call(k.packFileBits({ kernel: bench.input(w), k: rows, n, out: bits })), 0);
    sameBits("file bits", bits.read(), expected);
    const back = bench.output(Float32Array, rows * n);
    status(
      "unpack_file_bits_real",
      bench.call(k.unpackFileBitsReal({ bits: bench.input(expected), k: rows, n, out: back })),
      0,
    );
    sameBits(
      "signs",
      back.read(),
      w.map((value) => (value >= 0 ? 1 : -1)),
    );
    const bad = w.slice();
    bad[numbers(seed ^ 1).below(bad.length)] = Number.NaN;
    status("pack_file_bits of NaN", bench.call(k.packFileBits({ kernel: bench.input(bad), k: rows, n, out: bits })), 1);
  },
);

const weights = property("weights in the layouts of the kernels", convolutions, (bench, { shape, seed }) => {
  const w = numbers(seed).reals(terms(shape) * shape.filters);
  const [descriptor, real] = [bench.shape(shape), bench.input(w)];
  const file = bench.input(naive.fileBits(w, terms(shape), shape.filters));
  const lookup = naive.lookupWeights(shape, w);
  const fromBits = bench.output(Uint8Array, lookup.length);
  status("pack_lookup_weights", bench.call(k.packLookupWeights({ shape: descriptor, bits: file, out: fromBits })), 0);
  sameBits("look-up weights", fromBits.read(), lookup);
  const fromReals = bench.output(Uint8Array, lookup.length);
  status(
    "sign_lookup_weights",
    bench.call(k.signLookupWeights({ shape: descriptor, kernel: real, out: fromReals })),
    0,
  );
  sameBits("look-up weights from reals", fromReals.read(), lookup);
  const words = naive.wordWeights(shape, w);
  const packed = bench.output(BigUint64Array, words.length);
  status("pack_word_weights", bench.call(k.packWordWeights({ shape: descriptor, bits: file, out: packed })), 0);
  sameBits("word weights", packed.read(), words);
  const sums = naive.areaSums(shape, w);
  const out = bench.output(Int32Array, sums.length);
  status("bb_correction", bench.call(k.bbCorrection({ shape: descriptor, bits: file, out })), 0);
  sameBits("bb_correction", out.read(), sums);
  const again = bench.output(Int32Array, sums.length);
  status("bb_correction_real", bench.call(k.bbCorrectionReal({ shape: descriptor, kernel: real, out: again })), 0);
  sameBits("bb_correction_real", again.read(), sums);
  const bad = w.slice();
  bad[numbers(seed ^ 1).below(bad.length)] = Number.NaN;
  status(
    "sign_lookup_weights of NaN",
    bench.call(k.signLookupWeights({ shape: descriptor, kernel: bench.input(bad), out: fromReals })),
    1,
  );
});

/** The masks of flips: one pixel of bits in either layout. */
const flipMasks = (channels: number, flips: Uint8Array): readonly [Uint8Array, BigUint64Array] => {
  const pixel = geometry({
    ...{ images: 1, height: 1, width: 1, channels, filters: 1, same: false, padOne: false },
    ...{ kernel: [1, 1], strides: [1, 1] },
  });
  return [naive.nibbles(pixel, flips), naive.packedWords(pixel, flips)];
};

const flipBits = property(
  "flips as the bits of one pixel",
  fc.record({ channels: tails, seed: seeds }),
  (bench, { channels, seed }) => {
    const flips = numbers(seed).bytes(channels, 3);
    const [nibbleMask, wordMask] = flipMasks(
      channels,
      flips.map((flip) => Number(flip !== 0)),
    );
    const given = bench.input(flips);
    const nibbles = bench.output(Uint8Array, nibbleMask.length);
    status("pack_flips_nibbles", bench.call(k.packFlipsNibbles({ flips: given, channels, out: nibbles })), 0);
    sameBits("nibbles", nibbles.read(), nibbleMask);
    const words = bench.output(BigUint64Array, wordMask.length);
    status("pack_flips_words", bench.call(k.packFlipsWords({ flips: given, channels, out: words })), 0);
    sameBits("words", words.read(), wordMask);
  },
);

/** A pool, and a convolution that reads what it writes. */
const pooled: fc.Arbitrary<Case & { readonly consumer: ConvShape }> = fc
  .record({ pool: pools, kernel: fc.integer({ min: 1, max: 4 }), padOne: fc.boolean(), same: fc.boolean() })
  .map(({ pool: { shape, seed }, kernel, padOne, same }) => ({
    shape,
    seed,
    consumer: geometry({
      images: shape.images,
      height: shape.outHeight,
      width: shape.outWidth,
      channels: shape.channels,
      kernel: [kernel, kernel],
      strides: [1, 1],
      ...{ same, padOne, filters: 1 },
    }),
  }));

const bitPools = property("max-pool over bits", pooled, (bench, { shape, seed, consumer }) => {
  const random = numbers(seed);
  const bits = random.bytes(inputPixels(shape) * shape.channels, 4).map((value) => Number(value === 0));
  const flips = random.bytes(shape.channels, 2);
  const expected = anyPool(shape, bits).map((bit, i) => bit ^ flips[i % shape.channels]!);
  const source = naive.unpadded(shape);
  const [nibbleFlips, wordFlips] = flipMasks(shape.channels, flips);
  const [pool, reader] = [bench.shape(shape), bench.shape(consumer)];
  const nibbles = bench.state(naive.nibbles(consumer, nothing(consumer)));
  const nibbleInputs = { bits: bench.input(naive.nibbles(source, bits)), mask: bench.input(nibbleFlips) };
  const pooledNibbles = k.maxPoolNibbles({ pool, ...nibbleInputs, consumer: reader, out: nibbles });
  status("max_pool_nibbles", bench.call(pooledNibbles), 0);
  sameBits("nibbles", nibbles.read(), naive.nibbles(consumer, expected));
  const words = bench.state(naive.packedWords(consumer, nothing(consumer)));
  const wordInputs = { bits: bench.input(naive.packedWords(source, bits)), mask: bench.input(wordFlips) };
  const pooledWords = k.maxPoolWords({ pool, ...wordInputs, consumer: reader, out: words });
  status("max_pool_words", bench.call(pooledWords), 0);
  sameBits("words", words.read(), naive.packedWords(consumer, expected));
  if (outputPixels(shape) !== inputPixels(consumer)) throw new Error("the case is wrong: the consumer does not fit");
});

/** v(s) = (s * factor) * scale + shift in f32, as affine computes it, twice. */
const value = (sum: number, factor: number, scale: number, shift: number): number =>
  Math.fround(Math.fround(Math.fround(sum * factor) * scale) + shift);

const folds = property(
  "folded thresholds are the sign of scale and shift, for every sum",
  fc.record({
    c: fc.integer({ min: 1, max: 12 }),
    bound: fc.integer({ min: 1, max: 700 }),
    scaled: fc.boolean(),
    hasMiddle: fc.boolean(),
    seed: seeds,
  }),
  (bench, { c, bound, scaled, hasMiddle, seed }) => {
    const random = numbers(seed);
    const factors = scaled ? random.reals(c).map(Math.abs) : new Float32Array(c).fill(1);
    const factorsAt = scaled ? bench.input(factors) : null;
    const odd = [0, -0, 1e-45, -1e-45, 3e38, -3e38, 1, -1];
    const scale = random
      .reals(c)
      .map((x) => (random.below(5) === 0 ? odd[random.below(8)]! : x / 2 ** random.below(30)));
    // Shifts that put a tie on a whole sum, as often as not.
    const shift = scale.map((x, i) =>
      random.below(2) === 0 ? -x * (random.below(2 * bound + 1) - bound) : random.reals(c)[i]!,
    );
    const [limits, flips] = [bench.output(Int32Array, c), bench.output(Uint8Array, c)];
    // A middle of its own, which a sum meets as often as not.
    const own = random.below(2) === 0 ? random.reals(1)[0]! : value(1, factors[0]!, scale[0]!, shift[0]!);
    const middle = hasMiddle && Number.isFinite(own) ? own : 0;
    const middleAt = hasMiddle ? bench.input(Float32Array.of(middle)) : null;
    const rest = { channels: c, bound, thresholds: limits, flips, middle: middleAt };
    const fold = { scale: bench.input(scale), shift: bench.input(shift), ...rest };
    const finite = shift.every((x) => Number.isFinite(x));
    const sound = k.foldThresholds({ ...fold, factors: factorsAt });
    status("fold_thresholds", bench.call(sound), finite ? 0 : 1);
    if (!finite) return;
    const [found, flipped] = [limits.read(), flips.read()];
    for (let channel = 0; channel < c; channel++) {
      const [a, b] = [scale[channel]!, shift[channel]!];
      for (let sum = -bound; sum <= bound; sum++) {
        const bit = sum >= found[channel]! !== (flipped[channel] === 1);
        if (bit !== value(sum, factors[channel]!, a, b) >= middle)
          throw new Error(`channel ${channel}: the bit of ${sum} is ${bit}`);
      }
      const constant = a === 0 ? [-(2 ** 31), 2 ** 31 - 1] : [];
      const inRange = found[channel]! >= -bound && found[channel]! <= bound + 1;
      if (!(a === 0 ? constant.includes(found[channel]!) : inRange))
        throw new Error(`threshold ${found[channel]} is out of range`);
      if (flipped[channel] !== Number(a < 0)) throw new Error(`channel ${channel}: flip ${flipped[channel]}`);
    }
    for (const bad of [scale, shift]) {
      const broken = [scale, shift].map((x) => (x === bad ? x.map((y, i) => (i === c - 1 ? Number.NaN : y)) : x));
      const [badScale, badShift] = broken.map((x) => bench.input(x)) as [Tensor<Float32Array>, Tensor<Float32Array>];
      const call = k.foldThresholds({ ...rest, scale: badScale, shift: badShift, factors: null });
      status("fold_thresholds of NaN", bench.call(call), 1);
    }
    const below = bench.input(factors.map((x, i) => (i === c - 1 ? -1 : x)));
    const negative = k.foldThresholds({ ...fold, factors: below });
    status("fold_thresholds of a factor below 0", bench.call(negative), 1);
  },
);

export const bitProperties = [signs, nanActivations, fileBits, weights, flipBits, bitPools, folds];
