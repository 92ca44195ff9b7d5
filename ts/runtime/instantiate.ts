/**
 * One instance of the kernels in one thread. Only this module knows a build's imports, and how a thread gets its stack
 * and thread-local storage.
 *
 * An unshared module brings its own memory. A shared one takes a memory that all threads hand around. Each thread
 * instantiates the same module over it. `__wbindgen_start`, by wasm-bindgen, gives the thread a stack of its own out of
 * that memory. Static data lies at the bottom. Tensors take their room from `memory.grow`, which never hands out a page
 * twice. Kernels allocate nothing.
 */
import { ProxbitError } from "../base/errors.ts";
import type { KernelExports } from "../program/exports.ts";

export const pageBytes = 65_536;

const stackBytes = 1 << 20;

/** Pages a shared memory starts with: more than the module's static data and first stack need. */
const initialPages = 64;

/** Most pages of a shared memory: 4 GiB, and down to 32 MiB where the engine cannot reserve that many addresses. */
const maximumPages = Array.from({ length: 8 }, (_, halved) => 65_536 >> halved);

/** The most pages of each shared memory, which an engine's object does not tell. */
const mostPages = new WeakMap<WebAssembly.Memory, number>();

/** The most MiB of a memory of `createSharedMemory`; undefined for any other. */
export function mebibytesOf(memory: WebAssembly.Memory): number | undefined {
  const pages = mostPages.get(memory);
  return pages === undefined ? undefined : (pages * pageBytes) / 2 ** 20;
}

/** The kernels over one memory, in one thread. */
export interface KernelInstance {
  readonly exports: KernelExports;
  readonly memory: WebAssembly.Memory;
}

export interface InstantiateOptions {
  /** The memory of the other threads; without it a shared module gets a new one. */
  readonly memory?: WebAssembly.Memory;
}

/** The exports that wasm-bindgen adds to ours. */
interface Glue {
  readonly memory?: WebAssembly.Memory;
  readonly __wbindgen_externrefs: WebAssembly.Table;
  readonly __wbindgen_start: (stackBytes: number) => void;
}

/** True for a module that imports a shared memory. */
export function wantsSharedMemory(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some((entry) => entry.kind === "memory");
}

/**
 * A new shared memory, empty but for the room that the module's static data takes.
 *
 * @throws ProxbitError "environment" where the engine refuses even 32 MiB of addresses.
 */
export function createSharedMemory(): WebAssembly.Memory {
  let reason: unknown;
  for (const maximum of maximumPages) {
    try {
      const memory = new WebAssembly.Memory({ initial: initialPages, maximum, shared: true });
      mostPages.set(memory, maximum);
      return memory;
    } catch (error) {
      reason = error;
    }
  }
  throw new ProxbitError(
    "environment",
    "the engine cannot reserve a shared memory, however small",
    'Leave out the variant or give variant: "plain" to the trainer, use load for a session, or close other tabs.',
    { cause: reason },
  );
}

/**
 * Instantiates the kernels in this thread.
 *
 * @throws ProxbitError "argument" where `memory` does not fit the module.
 * @throws ProxbitError "environment" where the module is not a build of the kernels.
 */
export function instantiate(module: WebAssembly.Module, options: InstantiateOptions = {}): KernelInstance {
  const shared = wantsSharedMemory(module);
  if (!shared && options.memory !== undefined) {
    throw new ProxbitError(
      "argument",
      "this wasm variant has a memory of its own and takes none",
      'load a "-shared" variant, or leave out the memory',
    );
  }
  const memory = shared ? (options.memory ?? createSharedMemory()) : undefined;
  const instance = link(module, memory);
  const exports = instance.exports as unknown as KernelExports & Glue;
  exports.__wbindgen_start(stackBytes);
  const own = memory ?? exports.memory;
  if (own === undefined) throw notOurs(undefined);
  return { exports, memory: own };
}

/** A build with debug assertions imports this, to report a failure of wasm-bindgen's own code. */
const throwName = /^__wbg___wbindgen_throw_/;
const fault = (): never => {
  throw new Error("wasm-bindgen's code in the kernels has failed");
};

function link(module: WebAssembly.Module, memory: WebAssembly.Memory | undefined): WebAssembly.Instance {
  // wasm-bindgen keeps JavaScript values in a table; ours holds the four constants that its glue expects and no more.
  const fillTable = () => {
    const table = (instance.exports as unknown as Glue).__wbindgen_externrefs;
    const first = table.grow(4);
    table.set(0, undefined);
    for (const [index, value] of [undefined, null, true, false].entries()) table.set(first + index, value);
  };
  const known = new Map<string, WebAssembly.ImportValue>([["__wbindgen_init_externref_table", fillTable]]);
  if (memory !== undefined) known.set("memory", memory);

  const imports: Record<string, WebAssembly.ModuleImports> = {};
  for (const entry of WebAssembly.Module.imports(module)) {
    const value = known.get(entry.name) ?? (throwName.test(entry.name) ? fault : undefined);
    if (value === undefined) throw notOurs(`it imports ${entry.module} ${entry.name}`);
    imports[entry.module] ??= {};
    Object.assign(imports[entry.module] ?? {}, { [entry.name]: value });
  }
  let instance: WebAssembly.Instance;
  try {
    instance = new WebAssembly.Instance(module, imports);
  } catch (error) {
    if (error instanceof WebAssembly.LinkError) throw notOurs(error.message);
    if (error instanceof RangeError) throw noRoom(error);
    throw error;
  }
  if (typeof instance.exports.__wbindgen_start !== "function") throw notOurs("it has no __wbindgen_start");
  return instance;
}

/** An engine gives out addresses for so many memories, some thousands in Node, and none while all are in use. */
function noRoom(cause: RangeError): ProxbitError {
  return new ProxbitError(
    "environment",
    `the engine has no memory for another session: ${cause.message}`,
    "Close sessions that are no longer wanted (session.close()), or let several models take turns.",
    { cause },
  );
}

function notOurs(detail: string | undefined): ProxbitError {
  return new ProxbitError(
    "environment",
    `this WebAssembly module is not a matching build of proxbit's kernels${detail === undefined ? "" : `: ${detail}`}`,
    "Use the .wasm file of this version of proxbit; in a clone, run scripts/build-wasm.",
  );
}
