/**
 * What a product's kernel keeps in registers at a time, "rows x columns" of its result: pixels x filters forward, rows of the
 * kernel matrix x filters in filter gradients, pixels x channels in input gradients. Smaller tiles do the rest of a shape.
 * The tiles stand in `crates/kernels/src/gemm` and `conv`.
 */
import type { KernelName } from "./exports.ts";

/** By how a kernel's name begins, the longer beginnings first. */
const TILES: readonly (readonly [prefix: string, tile: string])[] = [
  ["ff_conv_backward_filter", "4x8"],
  ["ff_conv", "4x8"],
  ["fb_conv_backward_filter", "4x16"],
  ["fb_conv_backward_input", "2x16"],
  ["fb_conv", "2x16"],
  ["bb_lookup", "2x64"],
  ["bb_accumulate8", "4x32"],
  ["bb_popcnt8", "4x32"],
  ["bb_popcnt64", "4x2"],
];

/** The tile of the kernel of a product; undefined for any other kernel. */
export function tileOf(kernel: KernelName): string | undefined {
  return TILES.find(([prefix]) => kernel.startsWith(prefix))?.[1];
}
