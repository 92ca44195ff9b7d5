/**
 * The places of a program's buffers while it runs. A buffer is in use from one moment to another. Buffers that are
 * never in use at the same time may share memory. That keeps the whole small enough for the cache.
 */
import { createSkyline } from "./skyline.ts";
import { createTimeline } from "./timeline.ts";

/** Bytes, and the first and last moment (a phase, or a call) at which they are in use. */
export interface LiveRange {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** The offsets of buffers, and their size as a whole. */
export interface Layout {
  /** The offset of each buffer, in the order given: a multiple of 64, the size of a cache line. */
  readonly offsets: readonly number[];
  /** Bytes of all buffers together. */
  readonly bytes: number;
}

const LINE = 64;

/**
 * A buffer that lives long is held against all before it, which costs the square of their number. So there are at most this
 * many, which a network of some hundred layers has. The others lie on top of all that is in use at the same time, and leave gaps.
 */
const MOST_COMPARED = 8192;

/** Buffers in use at the same time are few where no more than so many are. Those of inference are. */
const MOST_FEW = 32;

/** Places buffers, the largest first. Each takes the lowest offset that is free of buffers in use at the same time. */
export function placeBuffers(buffers: readonly LiveRange[], mostCompared = MOST_COMPARED): Layout {
  const offsets = new Array<number>(buffers.length).fill(0);
  const bySize = buffers.map((_, i) => i).sort((a, b) => size(buffers[b]) - size(buffers[a]) || a - b);
  const moments = 1 + buffers.reduce((most, { last }) => Math.max(most, last), 0);
  const placed = createPlaced(Math.min(buffers.length, mostCompared), moments);
  for (const index of bySize.slice(0, mostCompared)) offsets[index] = placed.add(buffers[index] as LiveRange);
  const rest = bySize.slice(mostCompared);
  const heights = createSkyline(rest.length === 0 ? 0 : moments);
  const raise = (index: number): void => {
    const { first, last } = buffers[index] as LiveRange;
    heights.raise(first, last, (offsets[index] as number) + size(buffers[index]));
  };
  // From low to high, because a height only rises.
  const compared = bySize.slice(0, rest.length === 0 ? 0 : mostCompared);
  for (const index of compared.sort((a, b) => (offsets[a] as number) - (offsets[b] as number))) raise(index);
  for (const index of rest) {
    const { first, last } = buffers[index] as LiveRange;
    offsets[index] = heights.highest(first, last);
    raise(index);
  }
  const bytes = buffers.reduce((end, buffer, i) => Math.max(end, (offsets[i] as number) + size(buffer)), 0);
  return { offsets, bytes };
}

/**
 * Buffers that have an offset. They stand in plain numbers, because many are looked at: those in use at the same time, where
 * they are few, or all of them in the order of their offsets.
 */
function createPlaced(most: number, moments: number): { readonly add: (buffer: LiveRange) => number } {
  const numbers = (): Float64Array => new Float64Array(most);
  const [firsts, lasts, offsets, ends] = [numbers(), numbers(), numbers(), numbers()];
  const timeline = createTimeline(moments);
  const byNumber: { readonly offset: number; readonly end: number }[] = [];
  let count = 0;
  /** The lowest offset below which there are `bytes` free, by all buffers. */
  const lowestOfAll = (first: number, last: number, bytes: number): number => {
    let offset = 0;
    for (let i = 0; i < count; i++) {
      if (first > (lasts[i] as number) || (firsts[i] as number) > last) continue;
      if (offset + bytes <= (offsets[i] as number)) break;
      offset = Math.max(offset, ends[i] as number);
    }
    return offset;
  };
  /** The same by the buffers of these numbers alone. */
  const lowestOf = (few: readonly number[], bytes: number): number => {
    const together = few.map((number) => byNumber[number] as (typeof byNumber)[number]);
    let offset = 0;
    for (const other of together.sort((a, b) => a.offset - b.offset)) {
      if (offset + bytes <= other.offset) break;
      offset = Math.max(offset, other.end);
    }
    return offset;
  };
  return {
    add: (buffer) => {
      const [first, last, bytes] = [buffer.first, buffer.last, size(buffer)];
      const few = timeline.together(first, last, MOST_FEW);
      const offset = few === null ? lowestOfAll(first, last, bytes) : lowestOf(few, bytes);
      const place = placeFor(offset, offsets, count);
      for (const list of [firsts, lasts, offsets, ends]) list.copyWithin(place + 1, place, count);
      [firsts[place], lasts[place], offsets[place], ends[place]] = [first, last, offset, offset + bytes];
      timeline.add(first, last, byNumber.push({ offset, end: offset + bytes }) - 1);
      count++;
      return offset;
    },
  };
}

/** The index of a buffer at `offset` among those placed: behind all whose offset is no larger. */
function placeFor(offset: number, offsets: Float64Array, count: number): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((offsets[middle] as number) <= offset) from = middle + 1;
    else to = middle;
  }
  return from;
}

const size = (buffer: LiveRange | undefined): number => Math.ceil((buffer?.bytes ?? 0) / LINE) * LINE;

/**
 * Gives each of some alike buffers the number of a slot, with as few slots as possible. A slot goes from one buffer to
 * the next that is first in use after the other's last.
 */
export function shareSlots(buffers: readonly LiveRange[]): readonly number[] {
  const busyUntil: number[] = [];
  const slots = new Array<number>(buffers.length).fill(0);
  const byFirst = buffers.map((_, i) => i).sort((a, b) => first(buffers[a]) - first(buffers[b]) || a - b);
  for (const index of byFirst) {
    const buffer = buffers[index] as LiveRange;
    const free = busyUntil.findIndex((last) => last < buffer.first);
    const slot = free < 0 ? busyUntil.length : free;
    busyUntil[slot] = buffer.last;
    slots[index] = slot;
  }
  return slots;
}

const first = (buffer: LiveRange | undefined): number => buffer?.first ?? 0;
