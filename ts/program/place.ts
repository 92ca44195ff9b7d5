/** Places: memory before it has an address. */

/** Some bytes: a part of a segment (`segment.ts`), or of every lane's block (`lanes.ts`). */
export interface Buffer {
  readonly bytes: number;
  /**
   * The address in the buffer's segment. A buffer of the lanes has null, because each program lays those out for
   * itself.
   */
  readonly address: (() => number) | null;
}

/** So many bytes into a buffer; of a buffer of the lanes in the lane of this number. */
export interface Place {
  readonly buffer: Buffer;
  readonly lane: number;
  readonly offset: number;
}

/** The place `bytes` further on, which lies in the same buffer or at its end. */
export function at(place: Place, bytes: number): Place {
  const offset = place.offset + bytes;
  if (!Number.isInteger(offset) || offset < 0 || offset > place.buffer.bytes) {
    throw new Error(`a place at byte ${offset} of a buffer of ${place.buffer.bytes} bytes`);
  }
  return { ...place, offset };
}

/** The address of a place in a segment that has one. */
export function addressOf({ buffer, offset }: Place): number {
  if (buffer.address === null) throw new Error("a buffer of the lanes has an address in a program's layout only");
  return buffer.address() + offset;
}

/** Bytes of memory from an address on. */
export interface Range {
  readonly address: number;
  readonly bytes: number;
}

/** The bytes from a place on: so many, or all that are left of its buffer. */
export const rangeOf = (place: Place, bytes: number = place.buffer.bytes - place.offset): Range => ({
  address: addressOf(place),
  bytes,
});
