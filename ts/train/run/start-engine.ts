/** A pool with the engine of a network in it. */
import { isProxbitError } from "../../base/errors.ts";
import type { Graph } from "../../nn/graph.ts";
import { mebibytesOf } from "../../runtime/instantiate.ts";
import { createPool, type Pool, type PoolOptions } from "../../runtime/pool.ts";
import { detectVariant } from "../../runtime/variants.ts";
import type { Optimizer } from "../optimizers/optimizers.ts";
import { createEngine, type Engine, type EngineOptions } from "./engine.ts";

/** The MiB of addresses that WebAssembly has. */
const ALL = 4096;

/**
 * Starts a pool and puts the state of `graph` into its memory. Phones let threads share little memory. Where that is too little
 * and nobody has named the variant, one worker has a memory of its own. That grows as far as there is any.
 *
 * @throws ProxbitError as `createPool` and `createEngine`; no thread is left then.
 */
export async function startEngine(
  graph: Graph,
  optimizer: Optimizer,
  options: PoolOptions,
  engineOptions: EngineOptions,
): Promise<{ readonly pool: Pool; readonly engine: Engine }> {
  const pool = await createPool(options);
  try {
    return { pool, engine: await createEngine(graph, optimizer, pool, engineOptions) };
  } catch (error) {
    pool.close();
    const most = pool.memory === null ? ALL : (mebibytesOf(pool.memory) ?? ALL);
    const lacksMemory = isProxbitError(error) && error.code === "environment";
    if (options.variant !== undefined || most === ALL || !lacksMemory) throw error;
    const variant = await detectVariant({ shared: false });
    return startEngine(graph, optimizer, { ...options, variant }, engineOptions);
  }
}
