/** Random cases: geometries with all tails, and numbers out of a seed. */

import type { ConvShape } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";

/** A geometry and the seed of its numbers. */
export interface Case {
  readonly shape: ConvShape;
  readonly seed: number;
}

export const seeds = fc.nat({ max: 0x7fffffff });

/** Sizes around every tile in use (2, 4, 8, 16, 32, 64, 128), and anything small. */
export const tails: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.constantFrom(31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 255, 257),
);

/** Lengths of flat tensors. */
export const lengths: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 41, max: 1100 }),
);

const MOST_PRODUCTS = 250_000;
const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

interface Sizes {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** 1 where absent. */
  readonly dilation?: readonly [number, number];
  readonly same: boolean;
  readonly padOne: boolean;
  readonly filters: number;
}

/** One axis of TensorFlow's SAME and VALID windows, which reach over `extent` pixels. */
function axis(
  size: number,
  extent: number,
  stride: number,
  same: boolean,
): { out: number; pad: number; padded: number } {
  const out = same ? Math.ceil(size / stride) : Math.floor((size - extent) / stride) + 1;
  const pad = same ? Math.floor(Math.max(0, (out - 1) * stride + extent - size) / 2) : 0;
  return { out, pad, padded: Math.max(pad + size, (out - 1) * stride + extent) };
}

/** The geometry of windows of these sizes; a VALID kernel is cut to the image. */
export function geometry(sizes: Sizes): ConvShape {
  const { images, height, width, channels, strides, dilation = [1, 1], same, padOne, filters } = sizes;
  const fitting = (size: number, gap: number): number => Math.floor((size - 1) / gap) + 1;
  const kernelHeight = same ? sizes.kernel[0] : Math.min(sizes.kernel[0], fitting(height, dilation[0]));
  const kernelWidth = same ? sizes.kernel[1] : Math.min(sizes.kernel[1], fitting(width, dilation[1]));
  const rows = axis(height, (kernelHeight - 1) * dilation[0] + 1, strides[0], same);
  const columns = axis(width, (kernelWidth - 1) * dilation[1] + 1, strides[1], same);
  return {
    images,
    height,
    width,
    channels,
    kernelHeight,
    kernelWidth,
    strideHeight: strides[0],
    strideWidth: strides[1],
    dilationHeight: dilation[0],
    dilationWidth: dilation[1],
    padTop: rows.pad,
    padLeft: columns.pad,
    paddedHeight: rows.padded,
    paddedWidth: columns.padded,
    outHeight: rows.out,
    outWidth: columns.out,
    filters,
    padOne,
  };
}

/** The same sizes with fewer pixels, until the naive sums take no more than a moment. */
function affordable(sizes: Sizes): Sizes {
  const { images, height, width, channels, kernel, filters } = sizes;
  if (images * height * width * channels * kernel[0] * kernel[1] * filters <= MOST_PRODUCTS) return sizes;
  if (images > 1) return affordable({ ...sizes, images: images - 1 });
  if (height * width > 1) return affordable({ ...sizes, height: Math.ceil(height / 2), width: Math.ceil(width / 2) });
  if (kernel[0] * kernel[1] > 1) return affordable({ ...sizes, kernel: [1, 1] });
  return { ...sizes, filters: Math.max(1, Math.floor(MOST_PRODUCTS / channels)) };
}

/** Convolutions: any kernel to 4 x 4, strides and dilations to 3 x 3, SAME and VALID, both paddings, all tails. */
export const convolutions: fc.Arbitrary<Case> = fc
  .record({
    images: small(3),
    height: small(9),
    width: small(11),
    channels: tails,
    kernel: fc.tuple(small(4), small(4)),
    strides: fc.tuple(small(3), small(3)),
    dilation: fc.oneof({ arbitrary: fc.constant([1, 1] as const), weight: 2 }, fc.tuple(small(3), small(3))),
    same: fc.boolean(),
    padOne: fc.boolean(),
    filters: tails,
    seed: seeds,
  })
  .map(({ seed, ...sizes }) => ({ shape: geometry(affordable(sizes)), seed }));

/** 3x3 convolutions as the kernel for few codewords takes them. */
export const codewordConvolutions: fc.Arbitrary<Case & { readonly words: number }> = fc
  .record({
    images: small(2),
    height: fc.integer({ min: 5, max: 8 }),
    width: fc.integer({ min: 5, max: 9 }),
    channels: fc.integer({ min: 16, max: 40 }).map((groups) => 4 * groups),
    kernel: fc.constant([3, 3] as const),
    strides: fc.tuple(small(2), small(2)),
    dilation: fc.oneof({ arbitrary: fc.constant([1, 1] as const), weight: 2 }, fc.tuple(small(2), small(2))),
    same: fc.boolean(),
    padOne: fc.boolean(),
    filters: tails,
    seed: seeds,
    words: fc.integer({ min: 1, max: 16 }),
  })
  .map(({ seed, words, ...sizes }) => ({ shape: geometry(sizes), seed, words }));

/** Pools: as many filters as channels, padding without a value. */
export const pools: fc.Arbitrary<Case> = fc
  .record({
    images: small(3),
    height: small(9),
    width: small(9),
    channels: tails,
    kernel: fc.tuple(small(4), small(4)),
    strides: fc.tuple(small(4), small(4)),
    same: fc.boolean(),
    seed: seeds,
  })
  .map(({ seed, ...sizes }) => ({ shape: geometry({ ...sizes, filters: sizes.channels, padOne: false }), seed }));

/** A dense layer as the convolution it is planned as. */
export function dense(rows: number, inputs: number, units: number): ConvShape {
  const window = { kernel: [1, 1], strides: [1, 1], same: false, padOne: false } as const;
  return geometry({ images: 1, height: 1, width: rows, channels: inputs, filters: units, ...window });
}

export interface Numbers {
  /** A whole number in [0, bound). */
  readonly below: (bound: number) => number;
  /** f32 in [-2, 2), zeros of both signs, +-1 and small magnitudes among them. */
  readonly reals: (length: number) => Float32Array;
  /** f32 in [low, high). */
  readonly between: (length: number, low: number, high: number) => Float32Array;
  readonly bytes: (length: number, bound?: number) => Uint8Array;
}

function filled<T extends Float32Array | Uint8Array>(array: T, value: () => number): T {
  for (let i = 0; i < array.length; i++) array[i] = value();
  return array;
}

/** Numbers out of a seed: the same in every engine (SplitMix with 32 bits). */
export function numbers(seed: number): Numbers {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const below = (bound: number): number => next() % bound;
  const uniform = (): number => next() / 2 ** 32;
  const real = (): number => {
    const kind = below(20);
    const value = 4 * uniform() - 2;
    if (kind === 0) return value < 0 ? -0 : 0;
    if (kind === 1) return value < 0 ? -1 : 1;
    return kind < 5 ? value / 2 ** below(24) : value;
  };
  return {
    below,
    reals: (length) => filled(new Float32Array(length), real),
    between: (length, low, high) => filled(new Float32Array(length), () => low + (high - low) * uniform()),
    bytes: (length, bound = 256) => filled(new Uint8Array(length), () => below(bound)),
  };
}

/** Arguments with the places where the maps turn. */
export function argumentsOf(n: number, seed: number): Float32Array {
  const random = numbers(seed);
  const kinks = [0, 1, 1 + 2 ** -23, 0.1, 0.25, 0.5, 0.7, 1.5, 2, 6, 6 + 2 ** -21];
  const ends = [1e-45, 1e-30, 1e30, 3e38, Infinity];
  const odd = [...kinks, ...ends].flatMap((x) => [x, -x]);
  return random.reals(n).map((x) => (random.below(8) === 0 ? odd[random.below(odd.length)]! : x));
}
