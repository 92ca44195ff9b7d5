/**
 * A network on its way to a program: phases of calls over places, and what is to be done once before the first run. When all
 * phases stand, it is known from where to where each value is in use, and values share memory (`program/lanes.ts`).
 */
import { type Call, callOf, type KernelCall } from "../program/inference-call.ts";
import type { ConvShape } from "../program/kernels.ts";
import { type Border, laneBuffer } from "../program/lanes.ts";
import type { Buffer, Place } from "../program/place.ts";
import type { Job, Phase, Program } from "../program/program.ts";
import { createSegment, type Segment } from "../program/segment.ts";

/** A call of a run. */
export const call = (node: string, made: KernelCall): Call => callOf(node, "forward", made);

export interface Draft {
  /** Memory that is written once, at set-up, by a call or with these bytes. */
  readonly allocate: (bytes: number) => Place;
  readonly constant: (bytes: Uint8Array) => Place;
  /** A window's descriptor. */
  readonly descriptor: (shape: ConvShape) => Place;
  /** Makes a call once, at set-up. */
  readonly once: (node: string, call: KernelCall) => void;
  /** What `make` gave at the first call with this key. */
  readonly memo: <T>(key: string, make: () => T) => T;
  /** Memory for a value. It holds anything before it is written. */
  readonly buffer: (bytes: number) => Place;
  /**
   * Memory for a padded value whose border is written once, at set-up. Buffers of the same key have the same border and may
   * be the same memory in turn.
   */
  readonly bordered: (bytes: number, border: Border) => Place;
  /** Ends with all of `jobs` done, which do not depend on each other. */
  readonly phase: (jobs: Phase) => void;
  readonly finish: () => Drafted;
}

/** The program over the places of a first lane, and everything that it stands on. */
export interface Drafted {
  readonly segment: Segment;
  readonly setup: Job;
  readonly program: Program;
  readonly borders: ReadonlyMap<Buffer, Border>;
}

export function createDraft(): Draft {
  const segment = createSegment();
  const setup: Call[] = [];
  const borders = new Map<Buffer, Border>();
  const program: Phase[] = [];
  const known = new Map<string, unknown>();
  const memo = <T>(key: string, make: () => T): T => {
    if (!known.has(key)) known.set(key, make());
    return known.get(key) as T;
  };
  return {
    allocate: segment.allocate,
    constant: segment.constant,
    descriptor: (shape) => memo(`shape ${shapeKey(shape)}`, () => segment.descriptor(shape)),
    once: (node, made) => {
      setup.push(callOf(node, "prepare", made));
    },
    memo,
    buffer: (bytes) => laneBuffer(bytes)(0),
    bordered: (bytes, border) => {
      const place = laneBuffer(bytes)(0);
      borders.set(place.buffer, border);
      return place;
    },
    phase: (jobs) => {
      program.push(jobs);
    },
    finish: () => ({ segment, setup, program, borders }),
  };
}

/** A text that is the same for the same window only. */
export const shapeKey = (shape: ConvShape): string => Object.values(shape).map(Number).join(" ");

/** So many times `value`, as a constant. */
export const filled = (value: number, count: number, draft: Draft): Place =>
  draft.memo(`${value} ${count} times`, () =>
    draft.constant(new Uint8Array(new Float32Array(count).fill(value).buffer)),
  );
