/**
 * Contestants in interleaved rounds. In every round each runs for a slice of time. A cause that slows the machine down
 * for a while thus slows all of them. Runs in Node and in a page.
 */
import { nextTurn } from "../../ts/base/turn.ts";

/** An operation with the name of its package. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** The whole operation, once. */
  readonly run: () => unknown;
}

/** Milliseconds of one operation of a contestant, a number a round. */
export interface Timing {
  readonly name: string;
  readonly version: string;
  readonly rounds: readonly number[];
}

export interface Pace {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them: engines compile hot code, caches fill. */
  readonly warmUp: number;
  /** A slice repeats the operation until this many milliseconds have passed; at least once. */
  readonly sliceMilliseconds: number;
}

/** Runs all `contestants`; `tick` is called after every round. The timings stand in the order of the contestants. */
export async function race(
  contestants: readonly Contestant[],
  pace: Pace,
  tick: () => void = () => {},
): Promise<readonly Timing[]> {
  const rounds = contestants.map((): number[] => []);
  for (let round = -pace.warmUp; round < pace.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      // Another one begins each time, so that none always follows the same.
      const place = (turn + round + pace.warmUp) % contestants.length;
      const milliseconds = await slice(contestants[place] as Contestant, pace.sliceMilliseconds);
      if (round >= 0) rounds[place]?.push(milliseconds);
    }
    tick();
    // Settled promises never let the event loop turn, in which an interrupt is seen.
    await nextTurn();
  }
  return contestants.map(({ name, version }, place) => ({ name, version, rounds: rounds[place] as number[] }));
}

/** The mean time of the runs that fit into a slice. */
async function slice(contestant: Contestant, sliceMilliseconds: number): Promise<number> {
  const began = performance.now();
  for (let runs = 1; ; runs++) {
    // Only promises are waited for, because an await takes part of a microsecond.
    const result = contestant.run();
    if (result instanceof Promise) await result;
    const passed = performance.now() - began;
    if (passed >= sliceMilliseconds) return passed / runs;
  }
}
