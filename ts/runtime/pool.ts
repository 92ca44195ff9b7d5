/** The worker pool over the whole core, from the files of the package where the caller gives no others. */
import { kernelNames } from "../program/call.ts";
import { fullCores } from "./full-cores.ts";
import type { CoreSource } from "./source.ts";
import { type Pool, type PoolOptions as StartOptions, startPool } from "./start-pool.ts";

export { MOST_WORKERS, type Pool } from "./start-pool.ts";

export interface PoolOptions extends Omit<StartOptions, "source" | "kernels"> {
  /** The core of the variant; the whole one where absent. */
  readonly source?: CoreSource | undefined;
}

/** Starts a pool as `startPool` does. */
export const createPool = (options: PoolOptions): Promise<Pool> =>
  startPool({ ...options, source: options.source ?? fullCores, kernels: kernelNames });
