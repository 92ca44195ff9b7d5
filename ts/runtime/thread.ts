/**
 * A worker thread, the same in Node and in browsers. It has an endpoint for comlink, a notice when it dies, and an end.
 */
import type { Worker as NodeWorker } from "node:worker_threads";
import type { Endpoint } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { startImporter, watchPolicy } from "./page-worker.ts";
import type { WorkerSource } from "./source.ts";
import { scriptAddress, startNodeWorker, startPageWorker } from "./worker-script.ts";

export interface Thread {
  readonly endpoint: Endpoint;
  /** Calls `listener` once, when the thread fails to start, throws outside a call, or exits without being told to. */
  readonly onDeath: (listener: (error: ProxbitError) => void) => void;
  /** While held, the thread keeps a Node process alive; it does not otherwise. */
  readonly hold: (held: boolean) => void;
  readonly terminate: () => void;
}

const AGAIN = "Create a new trainer or session; if it happens again, use fewer workers or a smaller batch.";
const OTHER_SCRIPT = "pass `worker`, or import proxbit/inline, which has all in one file";

const death = (message: string, cause?: unknown, remedy = AGAIN): ProxbitError =>
  new ProxbitError("worker", `a worker died: ${message}`, remedy, { cause });

/**
 * Starts the script of this package, or that of `source`, in `count` threads, or in fewer where the system makes no more.
 *
 * @throws ProxbitError `worker` where none can be made, `argument` where `source` gives no worker; none is left then.
 */
export function spawnThreads(count: number, source?: WorkerSource): readonly Thread[] {
  const threads: Thread[] = [];
  try {
    while (threads.length < count) threads.push(spawnThread(source));
    return threads;
  } catch (error) {
    // A limit of threads. The results are the same with fewer.
    if (threads.length > 0 && !(error instanceof ProxbitError)) return threads;
    for (const thread of threads) thread.terminate();
    if (error instanceof ProxbitError) throw error;
    throw death(error instanceof Error ? error.message : String(error), error, `Try again, ${OTHER_SCRIPT}.`);
  }
}

function spawnThread(source: WorkerSource | undefined): Thread {
  if (typeof source === "function") return threadOf(source());
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  return threads === undefined ? spawnInBrowser(source) : inNode(spawnInNode(threads, source));
}

/** The thread of a worker that somebody else has started. */
function threadOf(worker: unknown): Thread {
  if (isNodeWorker(worker)) return inNode(worker);
  if (isPageWorker(worker)) return inBrowser(worker, "the worker's script");
  throw new ProxbitError(
    "argument",
    `\`worker\` returned no worker but ${describe(worker)}`,
    "Return a new Worker of the page or of node:worker_threads, which runs the script proxbit/worker.",
  );
}

const has = (value: unknown, ...methods: readonly string[]): boolean =>
  typeof value === "object" &&
  value !== null &&
  methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function");

const isNodeWorker = (worker: unknown): worker is NodeWorker => has(worker, "once", "ref", "unref", "terminate");

const isPageWorker = (worker: unknown): worker is Worker => has(worker, "addEventListener", "postMessage", "terminate");

function spawnInNode(
  threads: typeof import("node:worker_threads"),
  source: Exclude<WorkerSource, () => unknown> | undefined,
): NodeWorker {
  // A script given on the command line says how it is to be read. The worker's file must not inherit that.
  const inline = globalThis.process.execArgv.some((argument) => argument.startsWith("--input-type"));
  const options = inline ? { execArgv: [] } : {};
  if (source === undefined) return startNodeWorker(threads, options);
  const address = typeof source === "string" ? source : source.href;
  return new threads.Worker(/^(file|data):/.test(address) ? new URL(address) : address, options);
}

function inNode(worker: NodeWorker): Thread {
  let terminated = false;
  worker.unref();
  return {
    endpoint: nodeEndpoint(worker),
    onDeath: (listener) => {
      worker.once("error", (error) => listener(death(error instanceof Error ? error.message : String(error), error)));
      worker.once("messageerror", (error) => listener(death(`a message could not be read (${error.message})`, error)));
      worker.once("exit", (code) => {
        if (!terminated) listener(death(`it exited with code ${code}`));
      });
    },
    hold: (held) => (held ? worker.ref() : worker.unref()),
    terminate: () => {
      // Each call to a thread's own would add a listener.
      if (terminated) return;
      terminated = true;
      void worker.terminate();
    },
  };
}

function spawnInBrowser(source: Exclude<WorkerSource, () => unknown> | undefined): Thread {
  if (typeof Worker !== "function") {
    throw new ProxbitError(
      "environment",
      "this JavaScript runtime has no workers",
      "Train in Node or a page; packed models run without workers, by `load`.",
    );
  }
  const address = source === undefined ? scriptAddress() : new URL(hrefOf(source), globalThis.location.href);
  const start = source === undefined ? startPageWorker : () => new Worker(address, { type: "module" });
  return inBrowser(startImporter(start, address), address.href);
}

const hrefOf = (source: Exclude<WorkerSource, () => unknown>): string =>
  typeof source === "string" ? source : source.href;

/**
 * comlink keeps the worker for as long as somebody holds its proxy, and the worker its listeners. These lead to the pool, which
 * holds the proxy. So listeners go with the thread, or the memory of every closed pool would stay.
 */
function inBrowser(worker: Worker, script: string): Thread {
  const policy = watchPolicy();
  const life = new AbortController();
  const { signal } = life;
  return {
    endpoint: {
      postMessage: (message, transfer = []) => worker.postMessage(message, transfer),
      addEventListener: (type, listener) => worker.addEventListener(type, listener, { signal }),
      removeEventListener: (type, listener) => worker.removeEventListener(type, listener),
    },
    onDeath: (listener) => {
      const onError = ({ message }: ErrorEvent): void => {
        if (message) listener(death(message));
        else policy.violated((directive) => listener(unloaded(script, directive)));
      };
      const onMessageError = (): void => listener(death("a message could not be read"));
      worker.addEventListener("error", onError, { once: true, signal });
      worker.addEventListener("messageerror", onMessageError, { once: true, signal });
    },
    hold: () => {},
    terminate: () => {
      policy.end();
      // The error that would be made here holds the frames that lead to it, the pool among them.
      life.abort("ended");
      worker.terminate();
    },
  };
}

/** A browser does not say why it did not load a script. */
const unloaded = (script: string, directive: string | null): ProxbitError =>
  directive === null
    ? death(
        `its script could not be loaded (${script})`,
        undefined,
        `Copy the script there, with its imports; else ${OTHER_SCRIPT}.`,
      )
    : death(
        `the page's Content Security Policy forbids its script, by ${directive}`,
        undefined,
        `Allow the script's origin in ${directive}; \`blob:\` where the package is on another origin or inline.`,
      );
