/**
 * A copy of a run's tensors, made in two moves, so that no step waits for long. Between two steps the workers copy them within
 * the pool's memory, side by side. While they make the next steps, the caller's thread takes that copy out, piece by piece.
 *
 * The first move is a program of one phase, whose jobs are pieces of 1 MiB. The copy has the blocks of values and of the
 * optimizer's state, one behind the other.
 */
import { nextTurn } from "../../base/turn.ts";
import type { CheckpointTensor } from "../../io/checkpoint-file.ts";
import { callOf, kernelsOver } from "../../program/call.ts";
import { addressOf, type Place, type Range, rangeOf } from "../../program/place.ts";
import type { Job } from "../../program/program.ts";
import type { Engine } from "./engine.ts";
import { copyTensors, heldBy } from "./snapshot.ts";

const JOB = 1 << 20;
/** Bytes that are taken out at once: about a millisecond. */
const PIECE = 4 << 20;

const k = kernelsOver<number>();

/** The memory of an engine for such copies, and the program that makes one. */
interface Stage {
  readonly room: Range;
  readonly program: number;
  /** The address in the copy of a place in the blocks. */
  readonly addressIn: (place: Place) => number;
}

const stages = new WeakMap<Engine, Stage>();

async function createStage(engine: Engine): Promise<Stage> {
  const blocks = [engine.layout.values, engine.layout.slots].map((place) => rangeOf(place));
  const room = await engine.rooms.take(blocks.reduce((sum, { bytes }) => sum + bytes, 0));
  const jobs: Job<number>[] = [];
  let to = room.address;
  for (const { address, bytes } of blocks) {
    for (let start = 0; start < bytes; start += JOB) {
      const piece = { from: address + start, to: to + start, bytes: Math.min(JOB, bytes - start) };
      jobs.push([callOf("", "tap", k.copy(piece))]);
    }
    to += bytes;
  }
  const { values, slots } = engine.layout;
  const behind = room.address + rangeOf(values).bytes;
  const program = await engine.pool.define([jobs]).catch((error: unknown) => {
    engine.rooms.giveBack(room);
    throw error;
  });
  return {
    ...{ room, program },
    addressIn: (place) =>
      place.buffer === values.buffer
        ? room.address + addressOf(place) - addressOf(values)
        : behind + addressOf(place) - addressOf(slots),
  };
}

/** The second move: gives the tensors of the copy. Steps may run meanwhile. */
export type TakeOut = () => Promise<readonly CheckpointTensor[]>;

/**
 * Copies all tensors of a run between two steps. No step may run meanwhile. No second copy may begin until what comes back has
 * been called and settled. `into` is memory of an earlier copy to be used again. Where the pool has no room for a copy, they are
 * taken out at once. The same holds for one worker with a memory of its own, because it answers between two slices only.
 */
export async function stageTensors(engine: Engine, into?: ArrayBuffer): Promise<TakeOut> {
  const { memory } = engine.pool;
  if (memory === null) return copyAtOnce(engine, into);
  try {
    const stage = stages.get(engine) ?? (await createStage(engine));
    stages.set(engine, stage);
    await engine.pool.run(stage.program, [[]], []);
    return () => takeOut(engine, memory, stage, into);
  } catch {
    // No room in the pool, or workers that are lost: shared memory can be read all the same.
    return copyAtOnce(engine, into);
  }
}

async function takeOut(
  engine: Engine,
  memory: WebAssembly.Memory,
  stage: Stage,
  into?: ArrayBuffer,
): Promise<readonly CheckpointTensor[]> {
  const held = heldBy(engine);
  const all = held.reduce((sum, { bytes }) => sum + bytes, 0);
  const buffer = into?.byteLength === all ? into : new ArrayBuffer(all);
  const copies: CheckpointTensor[] = [];
  let [offset, taken] = [0, 0];
  for (const { name, shape, place, bytes } of held) {
    const copy = new Uint8Array(buffer, offset, bytes);
    const from = stage.addressIn(place);
    for (let start = 0; start < bytes; start += PIECE) {
      const piece = new Uint8Array(memory.buffer, from + start, Math.min(PIECE, bytes - start));
      copy.set(piece, start);
      taken += piece.length;
      if (taken < PIECE) continue;
      taken = 0;
      await nextTurn();
    }
    copies.push({ name, shape, bytes: copy });
    offset += bytes;
  }
  return copies;
}

/** Copies all tensors at once, where no step waits: before the first, whose memory comes first, and behind the last. */
export async function copyAtOnce(engine: Engine, into?: ArrayBuffer): Promise<TakeOut> {
  const tensors = await copyTensors(engine, into);
  return async () => tensors;
}

/** Gives the room for copies back, where a call has ended and nothing is taken out any more. */
export async function leaveStage(engine: Engine): Promise<void> {
  const stage = stages.get(engine);
  if (stage === undefined) return;
  stages.delete(engine);
  engine.rooms.giveBack(stage.room);
  await engine.pool.forget([stage.program]).catch(() => undefined);
}
