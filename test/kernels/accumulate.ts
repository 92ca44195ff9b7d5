/** Properties of the +-1 by +-1 convolution whose sums are kept in 8 bits. */
import { type Case, convolutions, dense, geometry, numbers } from "./arbitrary.ts";
import { type Bench, k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import * as naive from "./naive.ts";
import { bitsOf, fileBits, nibbles, nibbleWeights } from "./naive-bits.ts";
import { property } from "./property.ts";

const window = { kernel: [3, 3], strides: [1, 1], same: true } as const;

/** Sums far beyond 8 bits, tiles of four pixels with and without borders, and groups of fewer than four channels. */
const examples: readonly Case[] = [
  { shape: dense(5, 1031, 33), seed: 1 },
  {
    shape: geometry({ images: 2, height: 6, width: 13, channels: 64, filters: 48, padOne: false, ...window }),
    seed: 2,
  },
  { shape: geometry({ images: 1, height: 7, width: 7, channels: 35, filters: 65, padOne: true, ...window }), seed: 3 },
];

/** Reals whose signs agree more often than not, so that sums leave the 8 bits. */
const leaning = (values: Float32Array, lean: number): Float32Array => values.map((value) => value + lean);

/** The kernel over the filters in two ranges, on the weights of either way of packing. */
function run(bench: Bench, { shape, seed }: Case, x: Float32Array, w: Float32Array): void {
  const { filters } = shape;
  const [descriptor, packed] = [bench.shape(shape), nibbleWeights(shape, w)];
  const file = bench.input(fileBits(w, naive.terms(shape), filters));
  const fromFile = bench.output(Uint8Array, packed.length);
  status("pack_nibble_weights", bench.call(k.packNibbleWeights({ shape: descriptor, bits: file, out: fromFile })), 0);
  sameBits("nibble weights from file bits", fromFile.read(), packed);
  const fromReals = bench.output(Uint8Array, packed.length);
  status(
    "sign_nibble_weights",
    bench.call(k.signNibbleWeights({ shape: descriptor, kernel: bench.input(w), out: fromReals })),
    0,
  );
  sameBits("nibble weights from reals", fromReals.read(), packed);

  const [bits, weights] = [bench.input(nibbles(shape, bitsOf(x))), bench.input(packed)];
  const cut = 32 * (seed % (Math.floor(filters / 32) + 1));
  for (const wraps of [false, true]) {
    const out = bench.output(Float32Array, naive.outputPixels(shape) * filters);
    for (const range of [
      { first: 0, count: cut },
      { first: cut, count: filters - cut },
    ]) {
      const call = k.bbAccumulate8Conv({ shape: descriptor, bits, weights, wraps, out, ...range });
      status("bb_accumulate8_conv", bench.call(call), 0);
    }
    const wanted = naive.accumulatedConv(shape, x, w, wraps);
    sameBits(wraps ? "sums that wrap" : "sums that saturate", out.read(), Float32Array.from(wanted));
  }
}

const sums = property(
  "+-1 times +-1 in 8 bits, saturating and wrapping",
  convolutions,
  (bench, given) => {
    const { shape, seed } = given;
    const random = numbers(seed);
    const lean = (seed % 5) / 2;
    const x = leaning(random.reals(naive.inputPixels(shape) * shape.channels), lean);
    run(bench, given, x, leaning(random.reals(naive.terms(shape) * shape.filters), lean));
  },
  { examples, runs: 60 },
);

const extremes = property(
  "+-1 times +-1 in 8 bits: all signs equal, and all opposite",
  convolutions,
  (bench, given) => {
    const { shape } = given;
    for (const weight of [1, -1]) {
      bench.fresh();
      const x = new Float32Array(naive.inputPixels(shape) * shape.channels).fill(1);
      run(bench, given, x, new Float32Array(naive.terms(shape) * shape.filters).fill(weight));
    }
  },
  { examples, runs: 10 },
);

const nan = property("NaN among weights to pack as nibbles", convolutions, (bench, { shape, seed }) => {
  const random = numbers(seed);
  const w = random.reals(naive.terms(shape) * shape.filters);
  w[random.below(w.length)] = Number.NaN;
  const out = bench.output(Uint8Array, nibbleWeights(shape, w).length);
  status(
    "sign_nibble_weights",
    bench.call(k.signNibbleWeights({ shape: bench.shape(shape), kernel: bench.input(w), out })),
    1,
  );
});

export const accumulatorProperties = [sums, extremes, nan];
