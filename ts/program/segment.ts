/**
 * Memory that is there all the time: parameters, constants, descriptors, results. A plan allocates first, which says
 * how much memory it needs. The segment settles where that memory is reserved. Every place in it then has its address.
 */
import { createArena } from "./arena.ts";
import { encodeConvShape } from "./conv-shape.ts";
import type { ConvShape } from "./kernels.ts";
import { addressOf, type Place } from "./place.ts";
import type { Write } from "./program.ts";

export interface Segment {
  /** A buffer of its own, aligned to 16 bytes. Its bytes are arbitrary. */
  readonly allocate: (bytes: number) => Place;
  /** A buffer of its own with these bytes in it. */
  readonly constant: (bytes: Uint8Array) => Place;
  readonly floats: (values: Float32Array) => Place;
  readonly descriptor: (shape: ConvShape) => Place;
  /** Bytes of all buffers so far. */
  readonly bytes: () => number;
  /** Says where the segment begins, once. */
  readonly settle: (address: number) => void;
  /** The bytes to write into memory after the segment has settled. */
  readonly writes: () => readonly Write[];
}

export function createSegment(): Segment {
  const arena = createArena(0);
  const constants: { readonly place: Place; readonly bytes: Uint8Array }[] = [];
  let base: number | undefined;
  const allocate = (bytes: number): Place => {
    const offset = arena.allocate(bytes);
    const address = (): number => {
      if (base === undefined) throw new Error("the segment has not settled yet");
      return base + offset;
    };
    return { buffer: { bytes, address }, lane: 0, offset: 0 };
  };
  const constant = (bytes: Uint8Array): Place => {
    const place = allocate(bytes.length);
    constants.push({ place, bytes });
    return place;
  };
  return {
    allocate,
    constant,
    floats: (values) => constant(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    descriptor: (shape) => constant(encodeConvShape(shape)),
    bytes: arena.end,
    settle: (address) => {
      if (base !== undefined) throw new Error("the segment has settled already");
      base = address;
    },
    writes: () => constants.map(({ place, bytes }) => ({ address: addressOf(place), bytes })),
  };
}
