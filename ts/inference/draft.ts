/**
 * A network on its way to a program: phases of calls over buffers whose places are not known yet. When all phases stand,
 * it is known from where to where each buffer is in use, and the buffers are placed so that they share memory.
 */
import { createArena } from "../program/arena.ts";
import { addressed, type Call, callOf, type KernelCall, placesOf } from "../program/call.ts";
import { encodeConvShape } from "../program/conv-shape.ts";
import type { ConvShape } from "../program/kernels.ts";
import { type LiveRange, placeBuffers, shareSlots } from "../program/live.ts";
import type { Address, Place } from "../program/place.ts";
import type { Phase, Program, Write } from "../program/program.ts";

/** A call of a run. */
export const call = (node: string, made: KernelCall): Call => callOf(node, "forward", made);

/** One run of the network in memory of its own for values; weights are shared. */
export interface Lane {
  readonly program: Program<number>;
  /** To be made once, before the first run. */
  readonly setup: readonly Call<number>[];
  /** The address of a place in this lane's buffers. */
  readonly address: (place: Place) => number;
}

export interface Draft {
  /** Memory that is written once, at set-up, by a call or with these bytes. */
  readonly allocate: (bytes: number) => number;
  readonly constant: (bytes: Uint8Array) => number;
  /** The address of a window's descriptor. */
  readonly descriptor: (shape: ConvShape) => number;
  /** Makes a call once, at set-up. */
  readonly once: (node: string, call: KernelCall) => void;
  /** What `make` gave at the first call with this key. */
  readonly memo: <T>(key: string, make: () => T) => T;
  /** Memory for a value. It holds anything before it is written. */
  readonly buffer: (bytes: number) => Place;
  /**
   * Memory for a padded value whose border `fill` writes once, at set-up. Buffers of the same key have the same border and
   * may be the same memory in turn.
   */
  readonly bordered: (node: string, key: string, bytes: number, fill: Fill) => Place;
  /** Ends with all of `tasks` done, which do not depend on each other. */
  readonly phase: (tasks: Phase) => void;
  /** Says that a buffer is in use before the first phase or after the last. */
  readonly keep: (place: Place, when: "before" | "after") => void;
  readonly finish: (lanes: number) => Finished;
}

export interface Finished {
  readonly writes: readonly Write[];
  readonly setup: readonly Call<number>[];
  readonly lanes: readonly Lane[];
  /** Bytes of the values of one lane. */
  readonly laneBytes: number;
  /** One past the last byte. */
  readonly end: number;
}

type Fill = (place: Place) => KernelCall;

interface Buffer {
  readonly bytes: number;
  /** Null where nothing must stay. */
  readonly border: { readonly key: string; readonly node: string; readonly fill: Fill } | null;
  first: number;
  last: number;
}

/** A draft whose memory starts at `base`. */
export function createDraft(base: number): Draft {
  const arena = createArena(base);
  const writes: Write[] = [];
  const setup: Call[] = [];
  const buffers: Buffer[] = [];
  const phases: Phase[] = [];
  const known = new Map<string, unknown>();

  const memo = <T>(key: string, make: () => T): T => {
    if (!known.has(key)) known.set(key, make());
    return known.get(key) as T;
  };
  const constant = (bytes: Uint8Array): number => {
    const address = arena.allocate(bytes.length);
    writes.push({ address, bytes });
    return address;
  };
  const touch = (buffer: number, phase: number): void => {
    const found = buffers[buffer] as Buffer;
    found.first = Math.min(found.first, phase);
    found.last = Math.max(found.last, phase);
  };
  const add = (bytes: number, border: Buffer["border"]): Place => {
    buffers.push({ bytes, border, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY });
    return { buffer: buffers.length - 1, offset: 0 };
  };

  return {
    allocate: arena.allocate,
    constant,
    descriptor: (shape) => memo(`shape ${shapeKey(shape)}`, () => constant(encodeConvShape(shape))),
    once: (node, made) => {
      setup.push(callOf(node, "prepare", made));
    },
    memo,
    buffer: (bytes) => add(bytes, null),
    bordered: (node, key, bytes, fill) => add(bytes, { key, node, fill }),
    phase: (tasks) => {
      for (const made of tasks.flat()) {
        for (const place of placesOf(made)) if (typeof place !== "number") touch(place.buffer, phases.length);
      }
      phases.push(tasks);
    },
    keep: ({ buffer }, when) => touch(buffer, when === "before" ? -1 : Number.POSITIVE_INFINITY),
    finish: (count) => {
      const { offsets, bytes, fills } = layOut(buffers);
      const first = arena.end();
      const lanes = Array.from({ length: count }, (_, lane): Lane => {
        const start = first + lane * bytes;
        const address = ({ buffer, offset }: Place): number => start + (offsets[buffer] as number) + offset;
        const real = (made: Call): Call<number> =>
          addressed(made, (place: Address) => (typeof place === "number" ? place : address(place)));
        return { program: phases.map((tasks) => tasks.map((task) => task.map(real))), setup: fills.map(real), address };
      });
      const real = (made: Call): Call<number> => addressed(made, (place: Address) => place as number);
      return { writes, setup: setup.map(real), lanes, laneBytes: bytes, end: first + count * bytes };
    },
  };
}

/** All buffers of one lane: those without a border share memory as they can, the others with their like. */
function layOut(buffers: readonly Buffer[]): {
  readonly offsets: readonly number[];
  readonly bytes: number;
  readonly fills: readonly Call[];
} {
  const offsets = new Array<number>(buffers.length).fill(0);
  const used = buffers.map((_, i) => i).filter((i) => (buffers[i] as Buffer).first !== Number.POSITIVE_INFINITY);
  const rangesOf = (indices: readonly number[]): LiveRange[] => indices.map((i) => buffers[i] as Buffer);

  const plain = used.filter((i) => (buffers[i] as Buffer).border === null);
  const placement = placeBuffers(rangesOf(plain));
  plain.forEach((index, i) => {
    offsets[index] = placement.offsets[i] as number;
  });

  const rest = createArena(placement.bytes);
  const fills: Call[] = [];
  const keys = new Set(used.map((i) => (buffers[i] as Buffer).border?.key));
  for (const key of keys) {
    if (key === undefined) continue;
    const alike = used.filter((i) => (buffers[i] as Buffer).border?.key === key);
    const places = new Map<number, number>();
    const slots = shareSlots(rangesOf(alike));
    alike.forEach((index, i) => {
      const { bytes, border } = buffers[index] as Buffer;
      const slot = slots[i] as number;
      let offset = places.get(slot);
      if (offset === undefined) {
        offset = rest.allocate(bytes);
        places.set(slot, offset);
        if (border !== null) fills.push(callOf(border.node, "prepare", border.fill({ buffer: index, offset: 0 })));
      }
      offsets[index] = offset;
    });
  }
  return { offsets, bytes: rest.end(), fills };
}

/** A text that is the same for the same window only. */
export const shapeKey = (shape: ConvShape): string => Object.values(shape).map(Number).join(" ");
