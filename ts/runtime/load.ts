/**
 * Gets the compiled kernels: from a file in Node, by fetch in browsers. On runtimes that have neither, the caller gives
 * them. A variant is compiled once per process (or worker). `instantiate` makes instances from it.
 *
 * Every URL stands here in full, because bundlers find the files to ship by that.
 */
import { ProxbitError } from "../base/errors.ts";
import type { Variant } from "./variants.ts";

const urls: Readonly<Record<Variant, () => URL>> = {
  plain: () => new URL("../wasm/plain/proxbit_wasm_bg.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/relaxed/proxbit_wasm_bg.wasm", import.meta.url),
  "plain-shared": () => new URL("../wasm/plain-shared/proxbit_wasm_bg.wasm", import.meta.url),
  "relaxed-shared": () => new URL("../wasm/relaxed-shared/proxbit_wasm_bg.wasm", import.meta.url),
};

export interface LoadOptions {
  /**
   * The module itself, or its bytes, instead of the file that comes with the package. It serves edge runtimes, which
   * compile modules at deployment, and bundles without assets. It must be the build that `variant` names.
   */
  readonly source?: WebAssembly.Module | BufferSource;
}

const compiled = new Map<Variant, Promise<WebAssembly.Module>>();

/**
 * The compiled module of a variant.
 *
 * @throws ProxbitError "environment" where the file cannot be read or compiled.
 */
export function loadModule(variant: Variant, options: LoadOptions = {}): Promise<WebAssembly.Module> {
  if (options.source instanceof WebAssembly.Module) return Promise.resolve(options.source);
  if (options.source !== undefined) return compile(variant, options.source);
  let module = compiled.get(variant);
  if (module === undefined) {
    module = fetchModule(variant);
    compiled.set(variant, module);
    // A failure is not kept: the next call tries again.
    module.catch(() => compiled.delete(variant));
  }
  return module;
}

async function fetchModule(variant: Variant): Promise<WebAssembly.Module> {
  const url = urls[variant]();
  const files = url.protocol === "file:" ? globalThis.process?.getBuiltinModule?.("node:fs/promises") : undefined;
  let core: Response | BufferSource;
  try {
    core = files === undefined ? await download(url) : new Uint8Array(await files.readFile(url));
  } catch (error) {
    throw new ProxbitError(
      "environment",
      `cannot read the kernels at ${url.href}`,
      "In a clone, run scripts/build-wasm. In a bundle, let the bundler copy the .wasm file, or pass that file as `source`.",
      { cause: error },
    );
  }
  return compile(variant, core);
}

async function download(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response;
}

/**
 * Compiles bytes, or a response as it arrives: browsers then keep the compiled code beside it in their cache. The name
 * `Response` is not touched, because Node would load its whole HTTP client at that moment.
 */
async function compile(variant: Variant, core: Response | BufferSource): Promise<WebAssembly.Module> {
  try {
    if (!("headers" in core)) return await WebAssembly.compile(core);
    // Nothing else is accepted as a stream.
    const isNamed = core.headers.get("Content-Type") === "application/wasm";
    return await (isNamed ? WebAssembly.compileStreaming(core) : WebAssembly.compile(await core.arrayBuffer()));
  } catch (error) {
    throw new ProxbitError(
      "environment",
      `this JavaScript engine cannot compile the kernels (variant "${variant}")`,
      "Leave the variant to detection; on an edge runtime, pass the WebAssembly.Module that it compiled as `source`.",
      { cause: error },
    );
  }
}
