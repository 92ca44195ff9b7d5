/**
 * Notes the threads that a call starts and ends. A test can kill one behind the pool's back, or keep it from starting.
 */
import type { Worker } from "node:worker_threads";

/** Threads that somebody has told to end. */
const told = new WeakSet<Worker>();

/** Those of `threads` that nobody has told to end. */
export const leftAlone = (threads: readonly Worker[]): readonly Worker[] =>
  threads.filter((thread) => !told.has(thread));

const sent = new WeakMap<Worker, string[]>();

/** The calls (of the worker's `WorkerApi`) that were sent to a thread, by name, in their order. */
export const callsTo = (thread: Worker): readonly string[] => sent.get(thread) ?? [];

/** An answer to every call, in comlink's words: the error of an engine that cannot have the memory. */
const REFUSAL = JSON.stringify({
  type: "HANDLER",
  name: "throw",
  value: { isError: true, value: { message: "out of memory", name: "RangeError", stack: "" } },
});

/** Scripts in place of a thread's start: an error, an exit, another answer or none. null makes no thread. */
export const obstacles = {
  throws: 'data:text/javascript,throw new Error("no start")',
  exits: "data:text/javascript,process.exit(3)",
  answers: `data:text/javascript,import { parentPort as port } from "node:worker_threads";
    port.on("message", ({ id }) => port.postMessage({ id, ...${REFUSAL} }));`,
  sleeps: "data:text/javascript,setInterval(() => {}, 1e6)",
  refused: null,
} as const;

/** Keeps the thread of number `index` from starting. */
export interface Obstacle {
  readonly index: number;
  readonly kind: keyof typeof obstacles;
}

/** Runs `action`, which sees the threads as they come, and returns its result with all of them. */
export async function withThreads<T>(
  action: (threads: readonly Worker[]) => Promise<T>,
  obstacle?: Obstacle,
): Promise<{ readonly result: T; readonly threads: Worker[] }> {
  const module = process.getBuiltinModule("node:worker_threads");
  const original = module.Worker;
  const threads: Worker[] = [];
  const scriptOf = (script: string | URL): string | URL => {
    if (obstacle?.index !== threads.length) return script;
    const other = obstacles[obstacle.kind];
    if (other === null) throw new Error("no thread can be made");
    return new URL(other);
  };
  module.Worker = class extends original {
    constructor(...[script, options]: ConstructorParameters<typeof Worker>) {
      super(scriptOf(script), options);
      threads.push(this);
    }

    override postMessage(...given: Parameters<Worker["postMessage"]>): void {
      const [{ path = [] }] = given as [{ readonly path?: readonly string[] }];
      sent.set(this, [...callsTo(this), path.join(".")]);
      super.postMessage(...given);
    }

    override terminate(): Promise<number> {
      told.add(this);
      return super.terminate();
    }
  };
  try {
    return { result: await action(threads), threads };
  } finally {
    module.Worker = original;
  }
}

/** Runs `action`, which sees the threads as they come and must reject, and returns its error with all of them. */
export async function failureWithThreads(
  action: (threads: readonly Worker[]) => Promise<unknown>,
  obstacle?: Obstacle,
): Promise<{ readonly error: unknown; readonly threads: Worker[] }> {
  const { result, threads } = await withThreads(
    (threads) =>
      action(threads).then(
        () => {
          throw new Error("nothing was thrown");
        },
        (error: unknown) => ({ error }),
      ),
    obstacle,
  );
  return { error: result.error, threads };
}
