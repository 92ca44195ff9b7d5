/**
 * The start-up probe chooses the kernel of the +-1 by +-1 product. WebAssembly cannot ask the processor for its
 * strengths, and these kernels differ by them. All give the same sums; only the time differs.
 *
 * A race alone would mislead. In its first milliseconds a kernel runs as the engine's baseline code. There popcounts
 * look better than byte shuffles, even on machines whose optimised code is the other way round. Optimising a kernel
 * takes longer than a start may.
 *
 * But x86 can be told by infinity less infinity, a NaN. Its sign is set there, and not on ARM and others. On x86 the
 * look-up kernel is the fastest. A popcount of bytes is eight instructions there, a byte shuffle one. Elsewhere the
 * kernels race for a few milliseconds.
 */
import { createArena } from "../program/arena.ts";
import { encodeConvShape } from "../program/conv-shape.ts";
import { ready } from "../program/exports.ts";
import { kernelsOver } from "../program/inference-call.ts";
import {
  byteWeightBytes,
  CONV_SHAPE_BYTES,
  type ConvShape,
  groups,
  lookupWeightBytes,
  outputPixels,
  paddedPixels,
  startBytes,
  words,
  wordWeightBytes,
} from "../program/kernels.ts";
import { type KernelInstance, pageBytes } from "./instantiate.ts";
import type { Variant } from "./variants.ts";

/** `lookup`: nibble tables by byte shuffles; `popcnt8`: SIMD popcount; `popcnt64`: scalar popcount. */
export type BinaryKernel = "lookup" | "popcnt8" | "popcnt64";

export const BINARY_KERNELS: readonly BinaryKernel[] = ["lookup", "popcnt8", "popcnt64"];

const k = kernelsOver<number>();

const PRODUCTS = {
  lookup: k.bbLookupConvReal,
  popcnt8: k.bbPopcnt8ConvReal,
  popcnt64: k.bbPopcnt64ConvReal,
} as const;
const EXPORTS = {
  lookup: "bb_lookup_conv_real",
  popcnt8: "bb_popcnt8_conv_real",
  popcnt64: "bb_popcnt64_conv_real",
} as const;

/** 1.8 million multiply-accumulates over channels that no kernel's unit divides: a few tens of microseconds. */
const SHAPE: ConvShape = {
  images: 1,
  height: 8,
  width: 8,
  channels: 100,
  kernelHeight: 3,
  kernelWidth: 3,
  strideHeight: 1,
  strideWidth: 1,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 1,
  padLeft: 1,
  paddedHeight: 10,
  paddedWidth: 10,
  outHeight: 8,
  outWidth: 8,
  filters: 32,
  padOne: true,
};
const ROUNDS = 12;

export interface ProbeResult {
  readonly kernel: BinaryKernel;
  /** Best time of each kernel on the probe's convolution, in microseconds; null where there was no race. */
  readonly microseconds: Readonly<Partial<Record<BinaryKernel, number>>> | null;
}

const cache = new Map<string, ProbeResult>();

/** The best kernel on this machine; the race is run once per build and process. `instance` is only borrowed. */
export function probe(variant: Variant, instance: KernelInstance): ProbeResult {
  const key = `${variant} ${candidatesOf(instance).join(" ")}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const result = choose(instance);
  cache.set(key, result);
  return result;
}

/** The kernels that the core has. The small one has none that is slow wherever there are others. */
const candidatesOf = ({ exports }: KernelInstance): readonly BinaryKernel[] =>
  BINARY_KERNELS.filter((name) => EXPORTS[name] in exports);

/** The probe without its memory. */
export function choose(instance: KernelInstance): ProbeResult {
  return isX86(instance) ? { kernel: "lookup", microseconds: null } : race(instance);
}

/** By the sign of a NaN that the processor makes. */
function isX86({ exports, memory }: KernelInstance): boolean {
  const address = memory.grow(1) * pageBytes;
  const infinities = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  new Float32Array(memory.buffer).set(infinities, address / 4);
  ready(exports, k.add({ a: address, b: address + 4, y: address + 8, count: 1 }))();
  return new DataView(memory.buffer).getInt32(address + 8, true) < 0;
}

function race(instance: KernelInstance): ProbeResult {
  const { exports, memory } = instance;
  const plan = (base: number) => {
    const { allocate, end } = createArena(base);
    return {
      descriptor: allocate(CONV_SHAPE_BYTES),
      activations: allocate(paddedPixels(SHAPE) * Math.max(groups(SHAPE.channels), 8 * words(SHAPE.channels))),
      weights: allocate(Math.max(lookupWeightBytes(SHAPE), byteWeightBytes(SHAPE), wordWeightBytes(SHAPE))),
      starts: allocate(startBytes(SHAPE)),
      sums: allocate(4 * outputPixels(SHAPE) * SHAPE.filters),
      end: end(),
    };
  };
  const base = memory.grow(Math.ceil(plan(0).end / pageBytes)) * pageBytes;
  const { descriptor, activations: bits, weights, starts, sums: out } = plan(base);
  new Uint8Array(memory.buffer).set(encodeConvShape(SHAPE), descriptor);
  const range = { first: 0, count: SHAPE.filters };
  const racers = candidatesOf(instance).map((kernel) => {
    const run = ready(exports, PRODUCTS[kernel]({ shape: descriptor, bits, weights, starts, out, ...range }));
    return { kernel, run, best: Number.POSITIVE_INFINITY };
  });
  for (let round = 0; round < ROUNDS; round++) {
    for (const racer of racers) {
      const began = performance.now();
      racer.run();
      racer.best = Math.min(racer.best, 1000 * (performance.now() - began));
    }
  }
  const { kernel } = racers.reduce((fastest, candidate) => (candidate.best < fastest.best ? candidate : fastest));
  return { kernel, microseconds: Object.fromEntries(racers.map(({ kernel, best }) => [kernel, best])) };
}
