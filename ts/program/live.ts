/**
 * The places of a program's buffers while it runs. A buffer is in use from one moment to another. Buffers that are
 * never in use at the same time may share memory. That keeps the whole small enough for the cache.
 */

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
const meet = (a: LiveRange, b: LiveRange): boolean => a.first <= b.last && b.first <= a.last;

/** Places buffers, the largest first. Each takes the lowest offset that is free of buffers in use at the same time. */
export function placeBuffers(buffers: readonly LiveRange[]): Layout {
  const offsets = new Array<number>(buffers.length).fill(0);
  // The list is kept in the order of offsets. Sorting anew for every buffer would cost the square of their number.
  const placed: number[] = [];
  let end = 0;
  const bySize = buffers.map((_, i) => i).sort((a, b) => size(buffers[b]) - size(buffers[a]) || a - b);
  for (const index of bySize) {
    const buffer = buffers[index] as LiveRange;
    let offset = 0;
    for (const other of placed) {
      if (!meet(buffer, buffers[other] as LiveRange)) continue;
      if (offset + size(buffer) <= (offsets[other] as number)) break;
      offset = Math.max(offset, (offsets[other] as number) + size(buffers[other]));
    }
    offsets[index] = offset;
    placed.splice(placeFor(offset, placed, offsets), 0, index);
    end = Math.max(end, offset + size(buffer));
  }
  return { offsets, bytes: end };
}

/** The index of a buffer at `offset` among those placed: behind all whose offset is no larger. */
function placeFor(offset: number, placed: readonly number[], offsets: readonly number[]): number {
  let [from, to] = [0, placed.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((offsets[placed[middle] as number] as number) <= offset) from = middle + 1;
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
