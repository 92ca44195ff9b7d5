/**
 * The start-up probe: WebAssembly cannot ask the processor what it is good at, so the kernels of the +-1 by +-1 product
 * race for a few milliseconds on one small convolution. All three give the same sums; only the time differs.
 */
import { createArena } from "./arena.ts";
import {
  type ConvShape,
  encodeConvShape,
  groups,
  lookupWeightBytes,
  outputPixels,
  paddedPixels,
  taps,
  words,
  wordWeightBytes,
} from "./conv-shape.ts";
import type { KernelName } from "./exports.ts";
import { type KernelInstance, pageBytes } from "./instantiate.ts";
import type { Variant } from "./variants.ts";

/** `lookup`: nibble tables by byte shuffles; `popcnt8`: SIMD popcount; `popcnt64`: scalar popcount. */
export type BinaryKernel = "lookup" | "popcnt8" | "popcnt64";

export const BINARY_KERNELS: readonly BinaryKernel[] = ["lookup", "popcnt8", "popcnt64"];

const EXPORTS: Readonly<Record<BinaryKernel, KernelName>> = {
  lookup: "bb_lookup_conv",
  popcnt8: "bb_popcnt8_conv",
  popcnt64: "bb_popcnt64_conv",
};

/** 1.2 million multiply-accumulates: a few tens of microseconds for a good kernel, also before it is optimised. */
const SHAPE: ConvShape = {
  images: 1,
  height: 8,
  width: 8,
  channels: 64,
  kernelHeight: 3,
  kernelWidth: 3,
  strideHeight: 1,
  strideWidth: 1,
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
  /** Best time of each kernel on the probe's convolution, in microseconds. */
  readonly microseconds: Readonly<Record<BinaryKernel, number>>;
}

const cache = new Map<Variant, ProbeResult>();

/**
 * The fastest kernel here; measured once a process for each build of the core, in half a MiB that is
 * added to the memory of `instance` and stays there.
 */
export function probe(variant: Variant, instance: KernelInstance): ProbeResult {
  const known = cache.get(variant);
  if (known !== undefined) return known;
  const result = race(instance);
  cache.set(variant, result);
  return result;
}

function race(instance: KernelInstance): ProbeResult {
  const { exports, memory } = instance;
  const arena = createArena(memory.grow(8) * pageBytes);
  const descriptor = arena.allocate(64);
  const activations = arena.allocate(paddedPixels(SHAPE) * Math.max(groups(SHAPE.channels), 8 * words(SHAPE.channels)));
  const weights = arena.allocate(Math.max(lookupWeightBytes(SHAPE), wordWeightBytes(SHAPE)));
  const correction = arena.allocate(4 * taps(SHAPE) * SHAPE.filters);
  const sums = arena.allocate(4 * outputPixels(SHAPE) * SHAPE.filters);
  new Uint8Array(memory.buffer).set(encodeConvShape(SHAPE), descriptor);
  const time = (kernel: BinaryKernel): number => {
    const began = performance.now();
    exports[EXPORTS[kernel]](descriptor, activations, weights, correction, sums);
    return 1000 * (performance.now() - began);
  };
  const best = {
    lookup: Number.POSITIVE_INFINITY,
    popcnt8: Number.POSITIVE_INFINITY,
    popcnt64: Number.POSITIVE_INFINITY,
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const kernel of BINARY_KERNELS) best[kernel] = Math.min(best[kernel], time(kernel));
  }
  const kernel = BINARY_KERNELS.reduce((fastest, candidate) => (best[candidate] < best[fastest] ? candidate : fastest));
  return { kernel, microseconds: best };
}
