/**
 * The pool's memory as the trainer uses it: three regions that are reserved apart and reused while they are large
 * enough, so memory does not grow from epoch to epoch.
 */
import type { Split } from "../../data/dataset.ts";
import { addressOf, type Range } from "../../program/place.ts";
import { createSegment } from "../../program/segment.ts";
import type { Pool } from "../../runtime/pool.ts";
import type { DataPlaces } from "./context.ts";

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

/** Keeps splits in the pool's memory: each is sent once, and gives its place to another when the caller has let go of it. */
export function createDataStore(pool: Pool): (split: Split) => Promise<DataPlaces> {
  const known = new WeakMap<Split, Promise<DataPlaces>>();
  const free: Range[] = [];
  const abandoned = new FinalizationRegistry<Range>((room) => free.push(room));
  const roomFor = async (bytes: number): Promise<Range> => {
    const found = free.findIndex((room) => room.bytes >= bytes);
    if (found >= 0) return free.splice(found, 1)[0] as Range;
    return { address: await pool.reserve(bytes), bytes };
  };
  const send = async (split: Split): Promise<DataPlaces> => {
    const segment = createSegment();
    const images = segment.allocate(split.images.length);
    const bytes = segment.bytes() + split.labels.length;
    const labels = segment.allocate(split.labels.length);
    const room = await roomFor(bytes);
    abandoned.register(split, room);
    segment.settle(room.address);
    await writeLarge(pool, addressOf(images), split.images);
    await writeLarge(pool, addressOf(labels), split.labels);
    return { images, labels, scale: split.scale, offset: split.offset };
  };
  return (split) => {
    const found = known.get(split) ?? send(split);
    known.set(split, found);
    // A failure is not kept: the next call tries again.
    found.catch(() => known.delete(split));
    return found;
  };
}
