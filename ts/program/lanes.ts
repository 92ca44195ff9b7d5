/**
 * The memory of lanes: values, gradients and scratch. Each is alive for a part of a program only, so that they can
 * share bytes. A lane is a share of a batch. All lanes have the same buffers, laid out alike, each lane in a block of
 * its own.
 *
 * The life of a buffer is the stretch between the first and the last call that touches it. It is known once the program
 * is written. Buffers whose lives do not meet are laid over each other. A buffer whose border is written once keeps its
 * bytes. It shares them with others of the same border only.
 */
import { groupBy } from "../base/group.ts";
import { createArena } from "./arena.ts";
import { type LiveRange, placeBuffers, shareSlots } from "./live.ts";
import { type Call, callOf, type KernelCall, placesOf } from "./named-call.ts";
import { addressOf, type Buffer, type Place } from "./place.ts";
import type { Job, Program } from "./program.ts";

/** Content that is written into a buffer once. Buffers of one key may be the same memory in turn. */
export interface Border {
  readonly key: string;
  readonly node: string;
  readonly fill: (place: Place) => KernelCall;
}

/** A buffer in every lane, by the lane's number. It holds anything before it is written. */
export function laneBuffer(bytes: number): (lane: number) => Place {
  const buffer: Buffer = { bytes, address: null };
  return (lane) => ({ buffer, lane, offset: 0 });
}

/** Moments between which a buffer is in use, both included. */
interface Life extends LiveRange {
  readonly buffer: Buffer;
  first: number;
  last: number;
}

/** The places of a program's buffers in a lane's block. */
export interface LaneLayout {
  /** Bytes of a lane's block. */
  readonly bytes: number;
  /** Bytes that are written before the loss and read after it. No layout of the program's buffers needs less. */
  readonly acrossLoss: number;
  /** The job that writes the borders of a lane, once. */
  readonly setup: (lane: number) => Job;
  /** The address of any place, where the lanes' blocks are these. */
  readonly addressIn: (blocks: readonly Place[]) => (place: Place) => number;
}

export interface LayOutOptions {
  /** Buffers whose borders are written once; none where absent. */
  readonly borders?: ReadonlyMap<Buffer, Border>;
  /** The span of use of a buffer: from call to call (the default), or from phase to phase. */
  readonly moments?: "calls" | "phases";
}

/** Lays out the buffers that `program` touches in its first lane. */
export function layOutLanes(program: Program, options: LayOutOptions = {}): LaneLayout {
  const { borders = new Map<Buffer, Border>(), moments = "calls" } = options;
  const { lives, loss } = livesOf(program, moments);
  const offsets = new Map<Buffer, number>();
  const plain = lives.filter(({ buffer }) => !borders.has(buffer));
  const placement = placeBuffers(plain);
  for (const [i, { buffer }] of plain.entries()) offsets.set(buffer, placement.offsets[i] as number);

  const rest = createArena(placement.bytes);
  const bordered = groupBy(
    lives.filter(({ buffer }) => borders.has(buffer)),
    ({ buffer }) => borders.get(buffer)?.key,
  );
  const owners: Buffer[] = [];
  for (const alike of bordered.values()) {
    const slots = new Map<number, number>();
    for (const [i, slot] of shareSlots(alike).entries()) {
      const { buffer } = alike[i] as Life;
      const offset = slots.get(slot) ?? rest.allocate(buffer.bytes);
      if (!slots.has(slot)) owners.push(buffer);
      slots.set(slot, offset);
      offsets.set(buffer, offset);
    }
  }
  const kept = lives.filter(({ first, last }) => first < loss && last > loss);
  return {
    bytes: rest.end(),
    acrossLoss: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    setup: (lane) =>
      owners.map((buffer) => {
        const { node, fill } = borders.get(buffer) as Border;
        return callOf(node, "prepare", fill({ buffer, lane, offset: 0 }));
      }),
    addressIn: (blocks) => (place) => {
      if (place.buffer.address !== null) return addressOf(place);
      return addressOf(blocks[place.lane] as Place) + (offsets.get(place.buffer) as number) + place.offset;
    },
  };
}

/**
 * The lives of the buffers of the first lane, and the moment of the loss. The calls of the lane's first job in a phase
 * follow each other. Buffers of other jobs are in use during the whole phase, because those jobs run beside it.
 */
function livesOf(
  program: Program,
  moments: "calls" | "phases",
): { readonly lives: readonly Life[]; readonly loss: number } {
  const lives = new Map<Buffer, Life>();
  const own = (call: Call): readonly Place[] =>
    placesOf(call).filter(({ buffer, lane }) => buffer.address === null && lane === 0);
  let [time, loss] = [0, Number.POSITIVE_INFINITY];
  for (const phase of program) {
    const touched = phase.map((job) => job.map((call) => ({ call, buffers: own(call) })));
    const jobs = touched.filter((job) => job.some(({ buffers }) => buffers.length > 0));
    const begin = time;
    time += Math.max(1, jobs[0]?.length ?? 0);
    for (const [number, job] of jobs.entries()) {
      for (const [i, { call, buffers }] of job.entries()) {
        const [first, last] = number === 0 && moments === "calls" ? [begin + i, begin + i] : [begin, time - 1];
        if (call.part === "loss") loss = first;
        for (const { buffer } of buffers) {
          const life = lives.get(buffer) ?? { buffer, bytes: buffer.bytes, first, last };
          life.first = Math.min(life.first, first);
          life.last = Math.max(life.last, last);
          lives.set(buffer, life);
        }
      }
    }
  }
  return { lives: [...lives.values()], loss };
}
