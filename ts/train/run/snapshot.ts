/**
 * The tensors of a run, copied out of the pool's memory and back: parameters, running statistics and the optimizer's state,
 * under names. They and the record (`run.ts`) are all that a run is.
 *
 *   weights/PARAMETER, optimizer/PARAMETER/SLOT, the slots by their number, objective/TERM/TENSOR
 *
 * The caller's thread copies from memory that workers share. A worker copies its own.
 */
import type { CheckpointTensor } from "../../io/checkpoint-file.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { addressOf, type Place } from "../../program/place.ts";
import { writeLarge } from "../plan/memory.ts";
import type { Engine } from "./engine.ts";

/** A tensor in the pool's memory. */
interface Held {
  readonly name: string;
  readonly shape: readonly number[];
  readonly place: Place;
  readonly bytes: number;
}

/** The tensors of the network of `engine`, in the order of their parameters, and those of the loss's terms. */
export function heldBy({ layout }: Engine): readonly Held[] {
  const own = [...layout.tensors.values()].flatMap(({ parameter, size, value, slots }): readonly Held[] => {
    const { name, shape } = parameter;
    const own = { shape, bytes: 4 * size };
    const state = slots.map((place, slot) => ({ ...own, name: `optimizer/${name}/${slot}`, place }));
    return [{ ...own, name: `weights/${name}`, place: value }, ...state];
  });
  const terms = [...layout.states.values()].map(({ name, shape, place }) => {
    return { name: `objective/${name}`, shape, place, bytes: 4 * elementsOf(shape) };
  });
  return [...own, ...terms];
}

/** Bytes of all tensors of a run. */
export const snapshotBytes = (engine: Engine): number => heldBy(engine).reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * Copies all tensors. `into` is memory of an earlier copy to be used again, whose views then show the new values. No step may
 * run meanwhile.
 */
export async function copyTensors(engine: Engine, into?: ArrayBuffer): Promise<readonly CheckpointTensor[]> {
  const held = heldBy(engine);
  const all = held.reduce((sum, { bytes }) => sum + bytes, 0);
  const buffer = into?.byteLength === all ? into : new ArrayBuffer(all);
  const { pool } = engine;
  const copies: CheckpointTensor[] = [];
  let offset = 0;
  for (const { name, shape, place, bytes } of held) {
    const copy = new Uint8Array(buffer, offset, bytes);
    const range = { address: addressOf(place), bytes };
    copy.set(
      pool.memory === null ? await pool.read(range) : new Uint8Array(pool.memory.buffer, range.address, range.bytes),
    );
    copies.push({ name, shape, bytes: copy });
    offset += bytes;
  }
  return copies;
}

/** The elements of copied tensors, by name. */
export const floatsOf = (tensors: readonly CheckpointTensor[]): ReadonlyMap<string, Float32Array> =>
  new Map(
    tensors.map(({ name, bytes }) => [name, new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)]),
  );

/** The names of tensors that `given` lacks, has besides, or has in another size; empty where it suits the network. */
export function strangersIn(engine: Engine, given: ReadonlyMap<string, Float32Array>): readonly string[] {
  const held = new Map(heldBy(engine).map(({ name, bytes }) => [name, bytes / 4]));
  const names = new Set([...held.keys(), ...given.keys()]);
  return [...names].filter((name) => held.get(name) !== given.get(name)?.length);
}

/** Puts tensors back to where `copyTensors` took them from; the copy that a failed step goes back to gets the values too. */
export async function restoreTensors(engine: Engine, tensors: ReadonlyMap<string, Float32Array>): Promise<void> {
  const { values, previous } = engine.layout;
  for (const { name, place } of heldBy(engine)) {
    const floats = tensors.get(name) as Float32Array;
    const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
    await writeLarge(engine.pool, addressOf(place), bytes);
    if (place.buffer === values.buffer) await writeLarge(engine.pool, addressOf(previous) + place.offset, bytes);
  }
}
