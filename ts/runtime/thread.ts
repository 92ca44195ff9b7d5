/**
 * A worker thread, the same in Node and in browsers. It has an endpoint for comlink, a notice when it dies, and an end.
 */
import type { Endpoint } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { ProxbitError } from "../base/errors.ts";

export interface Thread {
  readonly endpoint: Endpoint;
  /** Calls `listener` once, when the thread fails to start, throws outside a call, or exits without being told to. */
  readonly onDeath: (listener: (error: ProxbitError) => void) => void;
  /** While held, the thread keeps a Node process alive; it does not otherwise. */
  readonly hold: (held: boolean) => void;
  readonly terminate: () => void;
}

const death = (message: string, cause?: unknown): ProxbitError =>
  new ProxbitError(
    "worker",
    `a worker died: ${message}`,
    "Create a new trainer or session; if it happens again, use fewer workers or a smaller batch.",
    { cause },
  );

/**
 * Starts the worker script of this package in `count` threads.
 *
 * @throws ProxbitError `worker` where one cannot be made; those made before it have been told to end.
 */
export function spawnThreads(count: number): readonly Thread[] {
  const threads: Thread[] = [];
  try {
    while (threads.length < count) threads.push(spawnThread());
    return threads;
  } catch (error) {
    for (const thread of threads) thread.terminate();
    throw death(error instanceof Error ? error.message : String(error), error);
  }
}

function spawnThread(): Thread {
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  return threads === undefined ? spawnInBrowser() : spawnInNode(threads);
}

function spawnInNode(threads: typeof import("node:worker_threads")): Thread {
  // A script given on the command line says how it is to be read. The worker's file must not inherit that.
  const inline = globalThis.process.execArgv.some((argument) => argument.startsWith("--input-type"));
  // Bundles for pages take the worker from spawnInBrowser; without the remark vite would ship its source once more here.
  const script = new URL(/* @vite-ignore */ "./worker.ts", import.meta.url);
  const worker = new threads.Worker(script, inline ? { execArgv: [] } : {});
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
      terminated = true;
      void worker.terminate();
    },
  };
}

function spawnInBrowser(): Thread {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return {
    endpoint: worker,
    onDeath: (listener) => {
      worker.addEventListener("error", (event) => listener(death(event.message || "its script could not be loaded")), {
        once: true,
      });
      worker.addEventListener("messageerror", () => listener(death("a message could not be read")), { once: true });
    },
    hold: () => {},
    terminate: () => worker.terminate(),
  };
}
