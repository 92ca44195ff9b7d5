/**
 * Random numbers that are the same in every engine: xoshiro128** 1.1 (Blackman and Vigna) on 32-bit integers.
 * SplitMix64 fills its state. Each use has a stream of its own, derived from the run's seed and a name such as
 * "conv2d/kernel". So a further layer leaves the other layers' numbers as they are.
 *
 *   state of stream (seed, name): two outputs of SplitMix64 started at mix(seed) xor FNV-1a-64(name in UTF-8),
 *   each giving its low and its high half; mix is SplitMix64's first output for that seed.
 */
import { integerIn } from "../base/checks.ts";

const mask64 = (1n << 64n) - 1n;

/** SplitMix64: the next state and the output that belongs to it. */
export function splitMix64(state: bigint): readonly [state: bigint, output: bigint] {
  const next = (state + 0x9e3779b97f4a7c15n) & mask64;
  let z = next;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64;
  return [next, z ^ (z >> 31n)];
}

/** FNV-1a with 64 bits over the UTF-8 bytes of `text`. */
export function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask64;
  return hash;
}

/** xoshiro128** from a state of four 32-bit words, not all 0. The function yields whole numbers in [0, 2^32). */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const product = Math.imul(b, 5);
    const output = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return output;
  };
}

export interface RandomStream {
  /** A whole number in [0, 2^32). */
  readonly next: () => number;
  /** A multiple of 2^-24 in [0, 1), offset by 2^-25: symmetric about 1/2, never 0, exact in f32. */
  readonly uniform: () => number;
  /** A whole number in [0, bound), all equally likely; `bound` from 1 to 2^32. */
  readonly below: (bound: number) => number;
}

/** The stream of (`seed`, `name`). `seed` is a whole number in [0, 2^53); throws "argument" for any other. */
export function randomStream(seed: number, name: string): RandomStream {
  integerIn(seed, 0, Number.MAX_SAFE_INTEGER, "seed", { code: "argument", what: "random stream" });
  const start = splitMix64(BigInt(seed))[1] ^ fnv1a64(name);
  const [state, first] = splitMix64(start);
  const [, second] = splitMix64(state);
  const half = (value: bigint, shift: bigint): number => Number((value >> shift) & 0xffffffffn);
  const next = xoshiro128([half(first, 0n), half(first, 32n), half(second, 0n), half(second, 32n)]);
  return {
    next,
    uniform: () => ((next() >>> 8) + 0.5) * 2 ** -24,
    below: (bound) => {
      // Numbers past the last whole multiple of `bound` would favour the small remainders.
      const accepted = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const value = next();
        if (value < accepted) return value % bound;
      }
    },
  };
}

/**
 * The order of `count` samples in `epoch`: a uniformly random permutation of 0 .. count - 1 (Fisher and Yates). It is a
 * function of (`seed`, `epoch`) alone. Throws "argument" for a count, seed or epoch that is no whole number from 0.
 */
export function shuffle(count: number, seed: number, epoch: number): Uint32Array {
  const subject = { code: "argument", what: "shuffle" } as const;
  integerIn(count, 0, 2 ** 32 - 1, "count", subject);
  integerIn(epoch, 0, Number.MAX_SAFE_INTEGER, "epoch", subject);
  const stream = randomStream(seed, `shuffle/${epoch}`);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const chosen = stream.below(last + 1);
    const kept = order[last] ?? 0;
    order[last] = order[chosen] ?? 0;
    order[chosen] = kept;
  }
  return order;
}
