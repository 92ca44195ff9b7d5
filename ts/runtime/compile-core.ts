/**
 * Gets the compiled core from wherever it comes: a file in Node, a download in pages, or what the caller gives. Errors
 * name the real cause, because it is nearly always the bundler, the server or the page's policy.
 */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { type Address, type CoreResponse, type CoreSource, type GivenCore, isAddress } from "./source.ts";
import type { Variant } from "./variants.ts";

type Bytes = ArrayBuffer | ArrayBufferView;

/** Functions give the same core every time. So it is compiled once per process (or worker). */
const compiled = new WeakMap<object, Map<Variant, Promise<WebAssembly.Module>>>();

/**
 * The compiled core of a variant.
 *
 * @throws ProxbitError "environment" where it cannot be had or compiled, "argument" where `source` gives no core.
 */
export function compileCore(variant: Variant, source: CoreSource): Promise<WebAssembly.Module> {
  if (typeof source !== "function") return compileGiven(variant, source as GivenCore | Promise<GivenCore>);
  const known = compiled.get(source) ?? new Map<Variant, Promise<WebAssembly.Module>>();
  compiled.set(source, known);
  let module = known.get(variant);
  if (module === undefined) {
    module = compileGiven(variant, ask(source as (variant: Variant) => GivenCore | Promise<GivenCore>, variant));
    known.set(variant, module);
    // A failure is not kept: the next call tries again.
    module.catch(() => known.delete(variant));
  }
  return module;
}

/**
 * The core's bytes, for a worker that cannot be given what is compiled; null where `source` has none but that.
 *
 * @throws ProxbitError "environment" where they cannot be had.
 */
export async function coreBytes(variant: Variant, source: CoreSource): Promise<Uint8Array | null> {
  const core = await (typeof source === "function"
    ? ask(source as (variant: Variant) => GivenCore | Promise<GivenCore>, variant)
    : (source as GivenCore | Promise<GivenCore>));
  if (core instanceof WebAssembly.Module) return null;
  if (core instanceof ArrayBuffer) return new Uint8Array(core);
  if (ArrayBuffer.isView(core)) return new Uint8Array(core.buffer, core.byteOffset, core.byteLength);
  // The body of an answer that was given has been read already.
  if (isResponse(core)) return null;
  const address = addressOf(core);
  const found = await readAddress(address);
  return "headers" in found ? new Uint8Array(await bodyOf(found, address.href)) : toBytes(found);
}

const toBytes = (bytes: Bytes): Uint8Array =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);

async function ask(source: (variant: Variant) => GivenCore | Promise<GivenCore>, variant: Variant): Promise<GivenCore> {
  try {
    return await source(variant);
  } catch (error) {
    // A bundle that is no ES module has nothing in import.meta.url, and an address relative to nothing is none.
    if (!(error instanceof TypeError && /\bURL\b/.test(error.message))) throw error;
    throw new ProxbitError(
      "environment",
      "the kernels cannot be found, because this bundle does not know its own address (import.meta.url)",
      `Bundle to an ES module, keep proxbit out of the bundle, pass \`source\` and \`worker\`, or ${INLINE}.`,
      { cause: error },
    );
  }
}

const INLINE = "import proxbit/inline, which has all in one file";

async function compileGiven(variant: Variant, given: GivenCore | Promise<GivenCore>): Promise<WebAssembly.Module> {
  const core = await given;
  if (core instanceof WebAssembly.Module) return core;
  if (core instanceof ArrayBuffer || ArrayBuffer.isView(core)) return compileBytes(variant, core);
  if (isResponse(core)) return compileResponse(variant, core, "the given response");
  if (typeof core === "string" || isAddress(core)) return fromAddress(variant, addressOf(core));
  throw new ProxbitError(
    "argument",
    `\`source\` gave no core but ${describe(core)}`,
    "Give a WebAssembly.Module, the bytes of the .wasm file, a Response, or an address.",
  );
}

const isResponse = (core: GivenCore): core is CoreResponse =>
  typeof core === "object" && "headers" in core && "arrayBuffer" in core;

/** An address as it is, else relative to the page, else a path of Node. Turbopack's addresses of files are relative. */
function addressOf(given: string | Address): URL {
  const text = typeof given === "string" ? given : given.href;
  const base: string | undefined = globalThis.document?.baseURI ?? globalThis.location?.href;
  const absolute = URL.canParse(text) && !/^[a-z]:[\\/]/i.test(text);
  const files = absolute || base !== undefined ? undefined : globalThis.process?.getBuiltinModule?.("node:url");
  return files === undefined ? new URL(text, base) : files.pathToFileURL(text);
}

async function fromAddress(variant: Variant, url: Address): Promise<WebAssembly.Module> {
  const core = await readAddress(url);
  return "headers" in core ? compileResponse(variant, core, url.href) : compileBytes(variant, core);
}

async function readAddress(url: Address): Promise<CoreResponse | Bytes> {
  const files = url.href.startsWith("file:") ? globalThis.process?.getBuiltinModule?.("node:fs/promises") : undefined;
  try {
    return files === undefined ? await fetch(url.href) : new Uint8Array(await files.readFile(new URL(url.href)));
  } catch (error) {
    throw unreadable(url.href, error);
  }
}

/** The bytes of an answer. The connection may be cut behind its head. */
async function bodyOf(core: CoreResponse, place: string): Promise<ArrayBuffer> {
  try {
    return await core.arrayBuffer();
  } catch (error) {
    throw unreadable(place, error);
  }
}

function unreadable(place: string, cause: unknown): ProxbitError {
  return new ProxbitError(
    "environment",
    `cannot read the kernels at ${place}`,
    `In a clone, run scripts/build-wasm. In a bundle, copy the .wasm file there, pass it as \`source\`, or ${INLINE}.`,
    { cause },
  );
}

/**
 * Compiles a response as it arrives: browsers then keep the compiled code beside it in their cache. The name `Response`
 * is not touched, because Node would load its whole HTTP client at that moment.
 */
async function compileResponse(variant: Variant, core: CoreResponse, place: string): Promise<WebAssembly.Module> {
  if (!core.ok) throw unreadable(`${place} (status ${core.status})`, undefined);
  const type = core.headers.get("Content-Type") ?? "";
  if (type.startsWith("text/html")) throw isPage(place);
  // Nothing else is accepted as a stream, and some engines take none.
  const streams = type === "application/wasm" && typeof WebAssembly.compileStreaming === "function";
  if (!streams) return compileBytes(variant, await bodyOf(core, place), place);
  try {
    return await WebAssembly.compileStreaming(core as Response);
  } catch (error) {
    // A connection that is cut is a TypeError, bytes that are no core are a CompileError.
    throw error instanceof TypeError ? unreadable(place, error) : uncompiled(variant, error);
  }
}

async function compileBytes(variant: Variant, bytes: Bytes, place = "the given bytes"): Promise<WebAssembly.Module> {
  const first = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, 1) : new Uint8Array(bytes);
  if (first[0] === 0x3c) throw isPage(place);
  try {
    return await WebAssembly.compile(bytes as BufferSource);
  } catch (error) {
    throw uncompiled(variant, error);
  }
}

/** Servers of pages answer with the page where they know no file. Vite does, for packages that it has bundled before. */
function isPage(place: string): ProxbitError {
  return new ProxbitError(
    "environment",
    `the kernels are HTML and no WebAssembly: ${place}`,
    `In Vite, add optimizeDeps: { exclude: ["proxbit"] } to its config. Elsewhere copy the .wasm file there, pass it as \`source\`, or ${INLINE}.`,
  );
}

function uncompiled(variant: Variant, cause: unknown): ProxbitError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/Content Security Policy|\bCSP\b|unsafe-eval|disallowed by embedder/i.test(reason)) {
    return new ProxbitError(
      "environment",
      "this page's Content Security Policy, or this runtime, forbids to compile WebAssembly",
      "Add 'wasm-unsafe-eval' to script-src of the policy. On an edge runtime, pass the WebAssembly.Module that it compiled as `source`.",
      { cause },
    );
  }
  return new ProxbitError(
    "environment",
    `this JavaScript engine cannot compile the kernels (variant "${variant}"): ${reason}`,
    "Leave the variant to detection, and check that `source` is the .wasm file of this version of proxbit.",
    { cause },
  );
}
