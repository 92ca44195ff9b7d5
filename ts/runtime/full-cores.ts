/**
 * The builds of the whole core, which trains and runs networks. Every address stands here in full, because bundlers
 * find the files to ship by that. A module of its own keeps them out of bundles that only run packed models.
 */
import type { Variant } from "./variants.ts";

const addresses: Readonly<Record<Variant, () => URL>> = {
  plain: () => new URL("../wasm/plain/proxbit_wasm_bg.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/relaxed/proxbit_wasm_bg.wasm", import.meta.url),
  "plain-shared": () => new URL("../wasm/plain-shared/proxbit_wasm_bg.wasm", import.meta.url),
  "relaxed-shared": () => new URL("../wasm/relaxed-shared/proxbit_wasm_bg.wasm", import.meta.url),
};

/** The address of a build of the whole core. */
export const fullCores = (variant: Variant): URL => addresses[variant]();
