/** The way to a session on several threads. All that it takes is loaded when one is asked for. */
import type { ParallelOptions, ParallelSession } from "./parallel.ts";

/**
 * Loads a model file into a pool of workers. Close the session when it is no longer wanted.
 *
 * @throws ProxbitError `environment` where threads cannot share memory, and as `load`.
 */
export async function loadParallel(bytes: Uint8Array, options: ParallelOptions): Promise<ParallelSession> {
  const { loadIntoPool } = await import("./parallel.ts");
  return loadIntoPool(bytes, options);
}
