/**
 * Where workers meet between two phases, and where they draw their tasks: a few words of shared memory.
 *
 * Everything that crosses a phase is written before a worker arrives and read after it leaves. The last worker to arrive
 * copies the status into a snapshot before it opens the barrier; nobody can change the snapshot until all have arrived
 * at the next barrier, so all workers take the same decision from it.
 */

const ARRIVED = 0;
const GENERATION = 1;
const STATUS = 2;
const SNAPSHOT = 3;
const TICKET = 4; // two words, for even and odd phases
const NO_FAILURE = 0x7fffffff;

/** Bytes of the control block, to be zeroed once. */
export const CONTROL_BYTES = 64;

/** A worker looks this often before it goes to sleep; some tens of microseconds. */
const SPINS = 4000;

export interface Crew {
  /** The next task's number in this phase; at or past the number of tasks where none is left. */
  readonly draw: (phase: number) => number;
  /** Records a failed call (its place in program order, from 1); the earliest one wins. */
  readonly fail: (place: number) => void;
  /** Waits for all workers. Returns 0, or the earliest failure recorded since the run began. */
  readonly meet: (phase: number) => number;
  /** Forgets failures. Only before a run, by one worker, while the others wait. */
  readonly clear: () => void;
}

/** The crew of a single worker: no memory is shared and nobody waits. */
export function soloCrew(): Crew {
  let ticket = 0;
  let status = NO_FAILURE;
  return {
    draw: () => ticket++,
    fail: (place) => {
      status = Math.min(status, place);
    },
    meet: () => {
      ticket = 0;
      return status === NO_FAILURE ? 0 : status;
    },
    clear: () => {
      status = NO_FAILURE;
    },
  };
}

/** One of `workers` workers over the control block `words`, a view of shared memory. */
export function sharedCrew(words: Int32Array, workers: number): Crew {
  const fail = (place: number): void => {
    for (;;) {
      const seen = Atomics.load(words, STATUS);
      if (seen !== 0 && seen <= place) return;
      if (Atomics.compareExchange(words, STATUS, seen, place) === seen) return;
    }
  };
  const meet = (phase: number): number => {
    const generation = Atomics.load(words, GENERATION);
    if (Atomics.add(words, ARRIVED, 1) === workers - 1) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.store(words, TICKET + (phase & 1), 0);
      Atomics.store(words, SNAPSHOT, Atomics.load(words, STATUS));
      Atomics.add(words, GENERATION, 1);
      Atomics.notify(words, GENERATION);
    } else {
      for (let spin = 0; spin < SPINS && Atomics.load(words, GENERATION) === generation; spin++);
      while (Atomics.load(words, GENERATION) === generation) Atomics.wait(words, GENERATION, generation);
    }
    return Atomics.load(words, SNAPSHOT);
  };
  return {
    draw: (phase) => Atomics.add(words, TICKET + (phase & 1), 1),
    fail,
    meet,
    clear: () => Atomics.store(words, STATUS, 0),
  };
}
