/**
 * The builds of the cores that run packed models. They lack the kernels of training. The small one has the kernels of most
 * convolutional networks, and a memory of its own. Every address stands here in full, because bundlers find the files to ship
 * by that.
 */
import type { Variant } from "./variants.ts";

const addresses: Readonly<Record<Variant, () => URL>> = {
  plain: () => new URL("../wasm/inference-plain/proxbit_wasm_bg.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/inference-relaxed/proxbit_wasm_bg.wasm", import.meta.url),
  "plain-shared": () => new URL("../wasm/inference-plain-shared/proxbit_wasm_bg.wasm", import.meta.url),
  "relaxed-shared": () => new URL("../wasm/inference-relaxed-shared/proxbit_wasm_bg.wasm", import.meta.url),
};

/** The address of a build of the core for inference. */
export const inferenceCores = (variant: Variant): URL => addresses[variant]();

const smallAddresses: Readonly<Partial<Record<Variant, () => URL>>> = {
  plain: () => new URL("../wasm/small-plain/proxbit_wasm_bg.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/small-relaxed/proxbit_wasm_bg.wasm", import.meta.url),
};

/** The address of a build of the small core, or of the whole one where memory is shared. */
export const smallCores = (variant: Variant): URL => (smallAddresses[variant] ?? addresses[variant])();
