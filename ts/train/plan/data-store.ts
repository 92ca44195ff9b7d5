/**
 * Data sets in the pool's memory. Each array is copied there once, and found again by the memory that it is a view of. So a
 * part that `take` makes of a data set costs nothing.
 *
 * The arrays of the last few data sets that were asked for stay. Older ones give their room to new ones, and so does an array
 * that the caller has let go of.
 */
import { arrayTag, bytesOf } from "../../base/arrays.ts";
import { versionOf } from "../../data/changed.ts";
import type { Split } from "../../data/dataset.ts";
import type { Place, Range } from "../../program/place.ts";
import type { Pool } from "../../runtime/pool.ts";
import type { DataPlaces, NumberKind } from "./context.ts";
import { writeLarge } from "./memory.ts";
import type { Rooms } from "./rooms.ts";

/** Data sets whose arrays stay: those of training and of testing, and one more. */
const KEPT = 3;

/** An array in the pool's memory. */
interface Stored {
  readonly version: number;
  /** The bytes of the caller's buffer that it is a copy of. */
  readonly from: number;
  readonly bytes: number;
  /** Bytes in the pool's memory for each of the caller's. */
  readonly widening: number;
  readonly room: Range;
  /** The number of the last call that asked for it. */
  used: number;
}

type Numeric = Split["images"] | Split["labels"];

const kinds: Readonly<Record<string, NumberKind>> = {
  Uint8Array: "u8",
  Int8Array: "i8",
  Uint16Array: "u16",
  Float32Array: "f32",
};

/** The kind of the numbers of an array that {@link Split} may hold. */
export const kindOf = (images: Split["images"]): NumberKind => kinds[arrayTag(images) ?? ""] ?? "u8";

/** An array that is asked for. */
interface Wanted {
  readonly array: Numeric;
  /** True where its numbers are to have 32 bits. */
  readonly wide: boolean;
  readonly version: number;
}

const widenings = ({ array, wide }: Wanted): number => (wide ? 4 / array.BYTES_PER_ELEMENT : 1);

const placeIn = ({ room, from, widening }: Stored, { array }: Wanted): Place => {
  const buffer = { bytes: room.bytes, address: () => room.address };
  return { buffer, lane: 0, offset: (array.byteOffset - from) * widening };
};

/** Keeps data sets in memory that `rooms` hands out. */
export function createDataStore(pool: Pool, rooms: Rooms): (split: Split) => Promise<DataPlaces> {
  const known = new WeakMap<ArrayBufferLike, readonly Stored[]>();
  let all: readonly Stored[] = [];
  let calls = 0;
  let last: Promise<unknown> = Promise.resolve();

  const drop = (isOld: (stored: Stored) => boolean): void => {
    const old = all.filter(isOld);
    all = all.filter((stored) => !old.includes(stored));
    for (const { room } of old) rooms.giveBack(room);
  };
  const abandoned = new FinalizationRegistry<Stored>((stored) => drop((other) => other === stored));

  const held = (buffer: ArrayBufferLike): readonly Stored[] =>
    (known.get(buffer) ?? []).filter((stored) => all.includes(stored));

  const find = (wanted: Wanted): Stored | undefined => {
    const { buffer, byteOffset: from, byteLength: bytes } = wanted.array;
    return held(buffer).find(
      (stored) =>
        stored.version === wanted.version &&
        stored.widening === widenings(wanted) &&
        stored.from <= from &&
        stored.from + stored.bytes >= from + bytes,
    );
  };

  /** Drops what was asked for before the last few calls, so that its room serves this one. */
  const dropOld = (): void => {
    const moments = [...new Set(all.map(({ used }) => used))].filter((used) => used < calls).sort((a, b) => b - a);
    const oldest = moments[KEPT - 2] ?? 0;
    drop(({ used }) => used < oldest);
  };

  /** Room for `bytes`; where memory cannot grow any more, in place of all that this call has not asked for. */
  const roomFor = async (bytes: number): Promise<Range> => {
    try {
      return await rooms.take(bytes);
    } catch {
      drop(({ used }) => used < calls);
      return rooms.take(bytes);
    }
  };

  const store = async (wanted: Wanted): Promise<Stored> => {
    const { array, wide, version } = wanted;
    const { buffer, byteOffset: from, byteLength: bytes } = array;
    const widening = widenings(wanted);
    const room = await roomFor(bytes * widening);
    try {
      await writeLarge(pool, room.address, bytesOf(wide && widening !== 1 ? Uint32Array.from(array) : array));
    } catch (error) {
      rooms.giveBack(room);
      throw error;
    }
    const stored = { version, from, bytes, widening, room, used: calls };
    known.set(buffer, [...held(buffer), stored]);
    all = [...all, stored];
    abandoned.register(buffer, stored);
    return stored;
  };

  const send = async ({ images, labels, targets, sampleWeights, scale, offset }: Split): Promise<DataPlaces> => {
    calls++;
    const wanted = (array: Numeric | undefined, wide = false): Wanted | null =>
      array === undefined || array.length === 0 ? null : { array, wide, version: versionOf(array.buffer) };
    const asked = [wanted(images), wanted(labels, true), wanted(targets), wanted(sampleWeights)];
    for (const each of asked) {
      if (each === null) continue;
      drop((stored) => stored.version !== each.version && held(each.array.buffer).includes(stored));
      const found = find(each);
      if (found !== undefined) found.used = calls;
    }
    dropOld();
    const places: (Place | null)[] = [];
    for (const each of asked) places.push(each && placeIn(find(each) ?? (await store(each)), each));
    const [first, classes = null, answers = null, weights = null] = places;
    return {
      images: first as Place,
      kind: kindOf(images),
      labels: classes,
      targets: answers,
      sampleWeights: weights,
      scale,
      offset,
    };
  };

  return (split) => {
    const sent = last.then(() => send(split));
    last = sent.catch(() => {});
    return sent;
  };
}
