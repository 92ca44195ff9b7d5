/** Notes the threads that a call starts, so that a test can kill one behind the pool's back. */
import type { Worker } from "node:worker_threads";

/** Runs `action` and returns its result with all worker threads started meanwhile. */
export async function withThreads<T>(
  action: () => Promise<T>,
): Promise<{ readonly result: T; readonly threads: Worker[] }> {
  const module = process.getBuiltinModule("node:worker_threads");
  const original = module.Worker;
  const threads: Worker[] = [];
  module.Worker = class extends original {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      threads.push(this);
    }
  };
  try {
    return { result: await action(), threads };
  } finally {
    module.Worker = original;
  }
}
