/**
 * The places that the core and the script of a worker may come from, where the files of the package cannot be found. The
 * types name nothing that only a page or only Node declares, so that they resolve without either.
 */
import { reading, reject, type Subject } from "../base/checks.ts";
import type { Variant } from "./variants.ts";

/** A `URL`, or anything else that knows its address. */
export interface Address {
  readonly href: string;
}

/** A compiled core, a `WebAssembly.Module`. */
export type CoreModule = typeof globalThis extends { readonly WebAssembly: { readonly Module: infer M } }
  ? M extends { readonly prototype: infer Module }
    ? Module
    : object
  : object;

/** The answer of a server, a `Response`. */
export interface CoreResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A core: compiled, as bytes, as the answer of a server, or by its address. In Node an address may be a path. */
export type GivenCore = CoreModule | ArrayBuffer | ArrayBufferView | CoreResponse | Address | string;

/** The core to run, or a function that gives the build that a machine can run. A promise of either serves as well. */
export type CoreSource = GivenCore | Promise<GivenCore> | ((variant: Variant) => GivenCore | Promise<GivenCore>);

/** A worker of a page, or of `node:worker_threads`. */
export interface AnyWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

/** The script of workers, by its address, or a function that starts one. In Node an address may be a path. */
export type WorkerSource = Address | string | (() => AnyWorker);

/** The options of all that loads the core. */
export interface SourceOptions {
  /**
   * The core, instead of the file that comes with the package: a `WebAssembly.Module`, bytes, a `Response`, an address,
   * or a promise of one of them. A function is told the variant that runs here, and may return any of these.
   *
   * It serves edge runtimes, which compile modules at deployment, and bundles that do not ship the file by themselves.
   * The files are exported as `proxbit/wasm/NAME.wasm`, where NAME is a variant; with `inference-` before it they only
   * run packed models. A core that is given as it is must be the build that the variant names.
   */
  readonly source?: CoreSource | undefined;
}

/** The options of all that starts workers. */
export interface WorkerOptions {
  /**
   * The script of the workers, instead of the file that comes with the package: its address, or a function that starts a
   * worker each time. The script is exported as `proxbit/worker`; a script that imports it serves as well.
   */
  readonly worker?: WorkerSource | undefined;
}

/** @throws ProxbitError of the subject's code where `source` is nothing that can be a core. */
export function checkSource(source: unknown, subject: Subject): CoreSource | undefined {
  if (source === undefined || typeof source === "function" || (typeof source === "string" && source !== "")) {
    return source as CoreSource | undefined;
  }
  if (typeof source === "object" && source !== null) {
    // A core is asked what it is, and whether it is a promise.
    reading(`${subject.what}: source`, "a core", () => "headers" in source && "then" in source, subject.code);
    return source as CoreSource;
  }
  reject(
    subject,
    "source",
    "a WebAssembly.Module, bytes, a Response, an address, or a function that gives one",
    source,
  );
}

/** @throws ProxbitError of the subject's code where `worker` is neither an address nor a function. */
export function checkWorker(worker: unknown, subject: Subject): WorkerSource | undefined {
  if (worker === undefined || typeof worker === "function" || (typeof worker === "string" && worker !== "")) {
    return worker as WorkerSource | undefined;
  }
  const isPlace = reading(`${subject.what}: worker`, "the address of a script", () => isAddress(worker), subject.code);
  if (isPlace) return worker as Address;
  reject(subject, "worker", "the address of a script, or a function that starts a worker", worker);
}

export const isAddress = (value: unknown): value is Address =>
  typeof value === "object" && value !== null && "href" in value && typeof value.href === "string";
