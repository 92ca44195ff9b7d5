/**
 * The speed of a core in this very run, measured in the same rounds as everything else. A cloud machine's clock moves,
 * and no file tells it. A neighbour on the other half of a physical core takes his share of its units.
 */
import type { Contestant } from "./race.ts";

/** Instructions in a turn of a loop, and turns in one run of it. */
const [LENGTH, TURNS] = [120, 1000] as const;

const [LOCAL_GET, LOCAL_SET, I32, V128] = [0x20, 0x21, 0x7f, 0x7b] as const;

/**
 * A module with `spin(turns, step)`: `turns` times `body`, over locals of type `type` from number 2 on. `result` makes
 * a number of them. Otherwise the engine would leave out unused results.
 */
function spinModule(
  type: number,
  locals: number,
  body: readonly number[],
  result: readonly number[],
): Uint8Array<ArrayBuffer> {
  const code = [
    ...[1, locals, type],
    ...[0x03, 0x40, ...body], // loop
    ...[LOCAL_GET, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0], // turns -= 1, again unless it is 0
    ...[0x0b, ...result, 0x0b],
  ];
  const length = (count: number): number[] => [(count & 127) | 128, count >> 7];
  const section = [1, ...length(code.length), ...code];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 7, 1, 0x60, 2, I32, I32, 1, I32], // types: (i32, i32) -> i32
    ...[3, 2, 1, 0], // functions
    ...[7, 8, 1, 4, ...new TextEncoder().encode("spin"), 0, 0], // exports
    ...[10, ...length(section.length), ...section],
  ]);
}

async function spinner(name: string, module: Uint8Array<ArrayBuffer>): Promise<Contestant> {
  const { instance } = await WebAssembly.instantiate(module);
  const spin = instance.exports.spin as (turns: number, step: number) => number;
  return { name, version: "", run: () => spin(TURNS, 1) };
}

/** Additions that each need the one before: one a cycle on every processor we know. `giga` gives the clock. */
export function clock(): Promise<Contestant> {
  const chain = Array.from({ length: LENGTH }, () => [LOCAL_GET, 1, 0x6a]).flat();
  return spinner("clock", spinModule(I32, 1, [LOCAL_GET, 2, ...chain, LOCAL_SET, 2], [LOCAL_GET, 2]));
}

/**
 * Byte shuffles (`i8x16.relaxed_swizzle`) in twelve chains. No processor has to wait for so many, so each cycle does as
 * many as this thread gets. `giga` gives their rate. Needs relaxed SIMD.
 */
export function shuffles(): Promise<Contestant> {
  const chains = 12;
  const swizzle = (place: number): readonly number[] => [
    ...[LOCAL_GET, place, LOCAL_GET, place, 0xfd, 0x80, 0x02],
    ...[LOCAL_SET, place],
  ];
  const body = Array.from({ length: LENGTH }, (_, i) => swizzle(2 + (i % chains))).flat();
  const xor = Array.from({ length: chains - 1 }, (_, i) => [LOCAL_GET, 3 + i, 0xfd, 0x51]).flat();
  const firstLane = [0xfd, 0x1b, 0];
  return spinner("shuffles", spinModule(V128, chains, body, [LOCAL_GET, 2, ...xor, ...firstLane]));
}

/** The rate in 10^9 a second, of a core on which one run of a loop takes `milliseconds`. */
export const giga = (milliseconds: number): number => (LENGTH * TURNS) / milliseconds / 1e6;
