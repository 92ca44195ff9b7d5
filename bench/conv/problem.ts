/** The convolution that all contestants calculate. */

/** The 3x3 convolutions of a ResNet-18 body: height and width of the image, channels and filters. */
export const SHAPES = [
  [56, 64],
  [28, 128],
  [14, 256],
  [7, 512],
] as const;

/**
 * A 3x3 convolution with stride 1 and SAME zero-padding on +-1 data, batch 1: `x [size][size][channels]`,
 * `kernel [3][3][channels][channels]`. Behind it, batch norm and sign: a bit is set where `sum * scale + shift >= 0`.
 */
export interface Problem {
  readonly name: string;
  readonly size: number;
  readonly channels: number;
  readonly x: Float32Array;
  readonly kernel: Float32Array;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/** Multiply-accumulates of a problem. */
export const work = ({ size, channels }: Problem): number => size * size * channels * channels * 9;

export function problem(size: number, channels: number): Problem {
  const next = xorshift(size);
  const sign = (): number => (next() < 0 ? -1 : 1);
  return {
    name: `conv 3x3 ${size}x${size}x${channels}->${channels}`,
    ...{ size, channels },
    x: Float32Array.from({ length: size * size * channels }, sign),
    kernel: Float32Array.from({ length: 9 * channels * channels }, sign),
    scale: Float32Array.from({ length: channels }, () => sign() * (0.5 + Math.abs(next()) / 2 ** 32)),
    shift: Float32Array.from({ length: channels }, () => (Math.sqrt(9 * channels) * next()) / 2 ** 31),
  };
}

/** The problem with 3x3 kernels that are `count` different ones. */
export function withCodewords(given: Problem, count: number): Problem {
  const { channels } = given;
  const next = xorshift(count);
  const below = (bound: number): number => (next() >>> 8) % bound;
  const first = below(512);
  // 37 has no factor with 512.
  const chosen = Array.from({ length: channels * channels }, () => (first + 37 * below(count)) % 512);
  const signOf = (at: number): number =>
    ((chosen[at % chosen.length] as number) >> Math.floor(at / chosen.length)) & 1 ? 1 : -1;
  return { ...given, kernel: given.kernel.map((_, at) => signOf(at)) };
}

/** Whole numbers from -2^31 to 2^31 - 1, always the same ones for a seed. */
export function xorshift(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

/** The signs behind the problem's batch norm, from its sums `[size][size][channels]`: 1 for +1, 0 for -1. */
export function signsOf({ scale, shift, channels }: Problem, sums: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(sums, (sum, at) => {
    const channel = at % channels;
    // In f32, as batch norm calculates.
    const y = Math.fround(Math.fround(sum * (scale[channel] as number)) + (shift[channel] as number));
    return y >= 0 ? 1 : 0;
  });
}
