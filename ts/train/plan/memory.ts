/**
 * The pool's memory as the trainer uses it: regions that are reserved apart and reused while they are large enough, so
 * memory does not grow from epoch to epoch.
 */
import type { Range } from "../../program/place.ts";
import type { Pool } from "../../runtime/pool.ts";
import type { Rooms } from "./rooms.ts";

/** Bytes sent to a worker at once, so that no single message blocks the caller's thread for long. */
const PIECE = 4 << 20;

/** A stretch of memory that is replaced by a larger one when it is too small. */
export interface Region {
  /** The address of at least `bytes` bytes; what was there before is lost if the region has moved. */
  readonly atLeast: (bytes: number) => Promise<number>;
}

/** Lines of the cache, which a plan lays its buffers out by. */
const LINE = 64;

/** A region out of `rooms`, which get back what it has outgrown: memory of a larger batch serves data sets later. */
export function createRegion(rooms: Rooms): Region {
  let room: Range = { address: 0, bytes: 0 };
  const aligned = (): number => Math.ceil(room.address / LINE) * LINE;
  return {
    atLeast: async (bytes) => {
      if (aligned() + bytes > room.address + room.bytes) {
        if (room.bytes > 0) rooms.giveBack(room);
        // Should the larger one not be had, there is none.
        room = { address: 0, bytes: 0 };
        room = await rooms.take(bytes + LINE);
      }
      return aligned();
    },
  };
}

/** Sends `bytes` to `address` piece by piece. */
export async function writeLarge(pool: Pool, address: number, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += PIECE) {
    await pool.write(address + start, bytes.subarray(start, start + PIECE));
  }
}
