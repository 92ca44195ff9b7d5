/**
 * The builds of the core that runs packed models. It lacks the kernels of training, and has half the size. Every address
 * stands here in full, because bundlers find the files to ship by that.
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
