/**
 * Examples on their way into steps. Those of a split lie in the pool's memory. Those of a stream pass through two windows
 * there: the workers are at one while the next is read into the other.
 *
 * Both give the same examples in the same order for a seed and an epoch, so a run does not depend on where they come from.
 */
import { bytesOf } from "../../base/arrays.ts";
import { type Examples, isStream, type Pass, type PassOrder, type Split, type Stream } from "../../data/dataset.ts";
import { isAlike, unlike } from "../../data/subset.ts";
import { shuffle } from "../../nn/random.ts";
import { elementsOf } from "../../nn/shapes.ts";
import type { Place, Range } from "../../program/place.ts";
import type { DataPlaces } from "../plan/context.ts";
import { kindOf } from "../plan/data-store.ts";
import { writeLarge } from "../plan/memory.ts";
import { checkSplit } from "./check-split.ts";
import type { Engine } from "./engine.ts";

/** The examples of one pass, by their place in it. */
export interface Feed {
  /** The count of `wanted` examples from `place` on that can be had at once, when they are there. Asked before a turn. */
  readonly ready: (place: number, wanted: number) => Promise<number>;
  /** The places of the data; asked within the turn. */
  readonly places: () => Promise<DataPlaces>;
  /** The rows there of `count` examples from `place` on. */
  readonly rows: (place: number, count: number) => Uint32Array;
  /** Ends the pass. */
  readonly end: () => void;
}

export interface FeedOptions {
  /** Draws the order; null for the order of the data. */
  readonly order: PassOrder;
  /** Examples of a batch; a window holds whole ones. */
  readonly batch: number;
  /** Examples of the pass that are wanted, from the first one on. */
  readonly total: number;
  /** The first place that is asked for; 0 where absent. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  /** The truth that examples of a stream must have; that of all terms of the loss where absent. */
  readonly truth?: Engine["truth"];
}

export function feedOf(engine: Engine, examples: Examples, options: FeedOptions): Feed {
  return isStream(examples) ? streamed(engine, examples, options) : inMemory(engine, examples, options);
}

const counted = (from: number, count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => from + i);

function inMemory(engine: Engine, split: Split, { order }: FeedOptions): Feed {
  const numbers = order && shuffle(split.count, order.seed, order.epoch);
  return {
    ready: async (_, wanted) => wanted,
    places: () => engine.dataAt(split),
    rows: (place, count) => numbers?.subarray(place, place + count) ?? counted(place, count),
    end: () => {},
  };
}

/** Bytes of a window, about; a batch where that is more. */
const WINDOW_BYTES = 8 << 20;
const MOST_BATCHES = 64;

/** Memory for the examples of two windows. */
interface Windows {
  readonly room: Range;
  /** An example of each kind that was met first; all others are alike. */
  readonly like: Split;
  readonly places: DataPlaces;
  readonly write: (first: number, examples: Split) => Promise<void>;
}

async function reserveWindows(engine: Engine, like: Split, rows: number): Promise<Windows> {
  const { pool, rooms } = engine;
  const { images, labels, targets, sampleWeights } = like;
  const parts = [
    { array: images, wide: false },
    { array: labels, wide: true },
    { array: targets, wide: false },
    { array: sampleWeights, wide: false },
  ].map(({ array, wide }) => {
    const numbers = (array?.length ?? 0) / like.count;
    return { bytes: numbers * (wide ? 4 : (array?.BYTES_PER_ELEMENT ?? 0)), wide };
  });
  const aligned = parts.map(({ bytes }) => Math.ceil((bytes * rows) / 16) * 16);
  const room = await rooms.take(aligned.reduce((sum, bytes) => sum + bytes, 0));
  const offsets = aligned.map((_, part) => aligned.slice(0, part).reduce((sum, bytes) => sum + bytes, 0));
  const buffer = { bytes: room.bytes, address: () => room.address };
  const placeOf = (part: number): Place | null =>
    aligned[part] === 0 ? null : { buffer, lane: 0, offset: offsets[part] as number };
  const put = async (address: number, bytes: Uint8Array): Promise<void> => {
    const { memory } = pool;
    // The workers read the other window, so no turn is to be waited for.
    if (memory !== null && address + bytes.length <= memory.buffer.byteLength) {
      new Uint8Array(memory.buffer).set(bytes, address);
    } else await writeLarge(pool, address, bytes);
  };
  return {
    room,
    like,
    places: {
      images: placeOf(0) as Place,
      kind: kindOf(images),
      ...{ labels: placeOf(1), targets: placeOf(2), sampleWeights: placeOf(3) },
      ...{ scale: like.scale, offset: like.offset },
    },
    write: async (first, examples) => {
      const arrays = [examples.images, examples.labels, examples.targets, examples.sampleWeights];
      for (const [part, { bytes, wide }] of parts.entries()) {
        const array = arrays[part];
        if (array === undefined || array.length === 0) continue;
        const address = room.address + (offsets[part] as number) + first * bytes;
        await put(address, bytesOf(wide ? Uint32Array.from(array) : array));
      }
    },
  };
}

function streamed(engine: Engine, stream: Stream, { order, batch, total, from = 0, signal, truth }: FeedOptions): Feed {
  const row = 4 * elementsOf(stream.shape);
  const size = batch * Math.max(1, Math.min(MOST_BATCHES, Math.floor(WINDOW_BYTES / (row * batch))));
  const pass: Pass = stream.pass(order, from);
  let windows: Windows | undefined;
  /** The window that is read, or was read last, and when it is there. */
  let loading: { readonly window: number; readonly there: Promise<void> } | undefined;
  let isOver = false;

  const load = async (window: number): Promise<void> => {
    const first = Math.max(from, window * size);
    const examples = await pass.next(Math.min(total, (window + 1) * size) - first);
    checkSplit(engine, examples, truth);
    if (isOver) return;
    windows ??= await reserveWindows(engine, examples, 2 * size);
    if (!isAlike(windows.like, examples)) throw unlike();
    await windows.write(first - window * size + (window % 2) * size, examples);
  };
  /** Begins to read a window once the one before is there: a source is asked for one thing at a time. */
  const begin = (window: number): Promise<void> => {
    const there = (loading?.there ?? Promise.resolve()).then(() => load(window));
    there.catch(() => {});
    loading = { window, there };
    return there;
  };

  return {
    ready: async (place, wanted) => {
      const window = Math.floor(place / size);
      const there =
        loading === undefined || loading.window < window
          ? begin(window)
          : loading.window === window
            ? loading.there
            : undefined;
      await unlessAborted(there, signal);
      const end = Math.min(total, (window + 1) * size);
      if (loading?.window === window && end < total) begin(window + 1);
      return Math.min(wanted, end - place);
    },
    places: async () => (windows as Windows).places,
    rows: (place, count) => counted((Math.floor(place / size) % 2) * size + (place % size), count),
    end: () => {
      isOver = true;
      const free = (): void => {
        if (windows !== undefined) engine.rooms.giveBack(windows.room);
      };
      (loading?.there ?? Promise.resolve()).then(free, free);
      pass.end().catch(() => {});
    },
  };
}

/** Waits for `there`, but not longer than until `signal`; whoever asked looks at the signal then. */
async function unlessAborted(there: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (there === undefined || signal === undefined) return there;
  if (signal.aborted) return;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener("abort", stop, { once: true });
  });
  await Promise.race([there, aborted]).finally(() => signal.removeEventListener("abort", stop));
}
