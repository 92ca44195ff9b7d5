/**
 * Workers that serve one small network after another. A pool for each would be slower, and browsers hold the address space of
 * a closed one until their next collection: a page has room for about a hundred.
 */
import { createPool, type Pool } from "../runtime/pool.ts";

/** Memory that was reserved for a network stays reserved, so a pool does not serve for ever. */
const NETWORKS = 32;

export interface Pools {
  /** Does `work` with a pool that is closed after some networks, or where `work` fails. */
  readonly using: <T>(work: (pool: Pool) => Promise<T>) => Promise<T>;
  readonly close: () => void;
}

export function createPools(workers: number): Pools {
  let pool: Pool | undefined;
  let left = 0;
  const close = (): void => {
    pool?.close();
    pool = undefined;
  };
  return {
    using: async (work) => {
      if (left === 0) close();
      if (pool === undefined) [pool, left] = [await createPool({ workers }), NETWORKS];
      left--;
      try {
        return await work(pool);
      } catch (error) {
        close();
        throw error;
      }
    },
    close,
  };
}
