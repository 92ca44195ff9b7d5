/**
 * The clock of the core a benchmark runs on, measured in the same rounds as everything else: each addition needs the one
 * before it, and an addition takes a cycle on every processor we know. A cloud machine's clock moves, and no file tells it.
 */
import type { Contestant } from "./race.ts";

const CHAIN = 120;
const ROUNDS = 1000;

/** Additions, and so cycles, in one run of the clock. */
const CYCLES = CHAIN * ROUNDS;

/** `spin(rounds, step)`: `rounds` times `CHAIN` additions of `step` to one running sum, which it returns. */
function spinModule(): Uint8Array<ArrayBuffer> {
  const [i32, local, add] = [0x7f, 0x20, 0x6a];
  const chain = Array.from({ length: CHAIN }, () => [local, 1, add]).flat();
  const body = [
    ...[1, 1, i32], // one more local, the sum, is number 2
    ...[0x03, 0x40], // loop
    ...[local, 2, ...chain, 0x21, 2], // sum += step, CHAIN times
    ...[local, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0], // rounds -= 1, again unless it is 0
    ...[0x0b, local, 2, 0x0b],
  ];
  const length = (bytes: readonly number[]): number[] => [(bytes.length & 127) | 128, bytes.length >> 7];
  const code = [1, ...length(body), ...body];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 7, 1, 0x60, 2, i32, i32, 1, i32], // types: (i32, i32) -> i32
    ...[3, 2, 1, 0], // functions
    ...[7, 8, 1, 4, ...new TextEncoder().encode("spin"), 0, 0], // exports
    ...[10, ...length(code), ...code],
  ]);
}

/** The clock as a contestant: `gigahertz` turns its time into a frequency. */
export async function clock(): Promise<Contestant> {
  const { instance } = await WebAssembly.instantiate(spinModule());
  const spin = instance.exports.spin as (rounds: number, step: number) => number;
  return { name: "clock", version: "", run: () => spin(ROUNDS, 1) };
}

/** The frequency of a core on which one run of the clock takes `milliseconds`. */
export const gigahertz = (milliseconds: number): number => CYCLES / milliseconds / 1e6;
