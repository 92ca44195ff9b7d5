/**
 * The pool's memory as the trainer uses it: regions that are reserved apart and reused while they are large enough, so
 * memory does not grow from epoch to epoch.
 */
import type { Pool } from "../../runtime/pool.ts";

/** Bytes sent to a worker at once, so that no single message blocks the caller's thread for long. */
const PIECE = 4 << 20;

/** A stretch of memory that is replaced by a larger one when it is too small. */
export interface Region {
  /** The address of at least `bytes` bytes; what was there before is lost if the region has moved. */
  readonly atLeast: (bytes: number) => Promise<number>;
}

export function createRegion(pool: Pool): Region {
  let address = 0;
  let size = 0;
  return {
    atLeast: async (bytes) => {
      if (bytes > size) {
        address = await pool.reserve(bytes);
        size = bytes;
      }
      return address;
    },
  };
}

/** Sends `bytes` to `address` piece by piece. */
export async function writeLarge(pool: Pool, address: number, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += PIECE) {
    await pool.write(address + start, bytes.subarray(start, start + PIECE));
  }
}
