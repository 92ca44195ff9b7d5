/**
 * The memory of a lane: values, gradients and scratch, each alive for a part of a step only, so that they can share
 * bytes. Layers write programs over symbolic addresses, far above 4 GiB; when a whole program is written, the stretch
 * between the first and the last call that touches a buffer is its life. Buffers are then laid over each other where
 * their lives do not meet, and the symbolic addresses are replaced. All lanes are laid out alike.
 */
import { ProxbitError } from "../base/errors.ts";
import { type LiveRange, placeBuffers } from "../runtime/live.ts";
import type { Program } from "../runtime/program.ts";
import type { Lane } from "./context.ts";

/** Symbolic addresses start here, and a lane has so many of them: exact numbers, and larger than any size or address. */
const SYMBOLIC = 2 ** 40;
const SPAN = 2 ** 36;
const ALIGNMENT = 64;

/** Whether a program takes a number for a symbolic address. */
export const isSymbolic = (value: number): boolean => value >= SYMBOLIC && value < 2 * SYMBOLIC;

/** Calls between which a buffer is in use, both included, counted over the lane's work in a program. */
interface Life extends LiveRange {
  readonly buffer: Buffer;
  first: number;
  last: number;
}

interface Buffer {
  readonly start: number;
  readonly bytes: number;
}

/** Where buffers lie in a lane's block of memory. */
export interface Placement {
  /** Bytes of a lane's block. */
  readonly bytes: number;
  /** Bytes of what is written before the loss and read after it: no layout of the program's buffers could do with less. */
  readonly acrossLoss: number;
  /** `program` with every symbolic address replaced; `block` is the address of a lane's block. */
  readonly apply: (program: Program, block: (lane: number) => number) => Program;
}

export interface LaneMemory {
  /** A buffer in every lane, by its symbolic address. It holds nothing when a program starts. */
  readonly declare: (bytes: number) => (lane: Lane) => number;
  /** Lays out the buffers that `program` touches. */
  readonly place: (program: Program) => Placement;
}

export function createLaneMemory(): LaneMemory {
  const buffers: Buffer[] = [];
  let end = 0;

  /** The buffer that a symbolic offset lies in. */
  const bufferAt = (offset: number): Buffer => {
    let [low, high] = [0, buffers.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((buffers[middle] as Buffer).start <= offset) low = middle;
      else high = middle - 1;
    }
    return buffers[low] as Buffer;
  };

  return {
    declare: (bytes) => {
      const start = end;
      buffers.push({ start, bytes });
      end += Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
      if (end > SPAN) throw tooLarge(end);
      return (lane) => SYMBOLIC + lane.index * SPAN + start;
    },
    place: (program) => {
      const { lives, loss } = livesOf(program, bufferAt);
      const { offsets, bytes } = placeBuffers(lives);
      const offsetOf = new Map(lives.map(({ buffer }, i) => [buffer, offsets[i] as number]));
      const kept = lives.filter(({ first, last }) => first < loss && last > loss);
      const real = (value: number, block: (lane: number) => number): number => {
        if (!isSymbolic(value)) return value;
        const [lane, offset] = [Math.floor((value - SYMBOLIC) / SPAN), (value - SYMBOLIC) % SPAN];
        const buffer = bufferAt(offset);
        return block(lane) + (offsetOf.get(buffer) as number) + offset - buffer.start;
      };
      return {
        bytes,
        acrossLoss: kept.reduce((sum, { buffer }) => sum + buffer.bytes, 0),
        apply: (given, block) =>
          given.map((phase) =>
            phase.map((task) =>
              task.map((call) => ({ ...call, arguments: call.arguments.map((value) => real(value, block)) })),
            ),
          ),
      };
    },
  };
}

function tooLarge(bytes: number): ProxbitError {
  const message = `a step of this network writes more than ${Math.floor(bytes / 2 ** 30)} GiB in an eighth of the batch`;
  return new ProxbitError("environment", message, "Use a smaller batch, smaller images or a smaller network.");
}

/**
 * The lives of the buffers of the first lane, and when the loss is taken. The calls of the lane's first task in a phase
 * follow each other; what other tasks of the phase touch is in use during the whole phase, for they run beside it.
 */
function livesOf(
  program: Program,
  bufferAt: (offset: number) => Buffer,
): { readonly lives: readonly Life[]; readonly loss: number } {
  const lives = new Map<Buffer, Life>();
  const own = (value: number): boolean => value >= SYMBOLIC && value < SYMBOLIC + SPAN;
  let [time, loss] = [0, Number.POSITIVE_INFINITY];
  for (const phase of program) {
    const tasks = phase.filter((task) => task.some((call) => call.arguments.some(own)));
    const begin = time;
    time += Math.max(1, tasks[0]?.length ?? 0);
    for (const [number, task] of tasks.entries()) {
      for (const [i, call] of task.entries()) {
        const [first, last] = number === 0 ? [begin + i, begin + i] : [begin, time - 1];
        if (call.kernel === "softmax_cross_entropy") loss = first;
        for (const value of call.arguments.filter(own)) {
          const buffer = bufferAt(value - SYMBOLIC);
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
