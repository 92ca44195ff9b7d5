/**
 * Workers meet here between two phases, and draw their jobs, by a few words of shared memory.
 *
 * All that crosses a phase is written before a worker arrives, and read after it leaves. The last worker to arrive
 * copies the status into a snapshot before it opens the barrier. Nobody can change the snapshot until all have arrived
 * at the next barrier. So all workers take the same decision from it.
 */

const ARRIVED = 0;
const GENERATION = 1;
const STATUS = 2;
const SNAPSHOT = 3;
/** A word a worker for even phases, then one a worker for odd ones. */
const TICKETS = 4;
const NO_FAILURE = 0x7fffffff;

/** Bytes of the control block of `workers` workers, to be zeroed once. */
export const controlBytes = (workers: number): number => 4 * (TICKETS + 2 * workers);

/** A worker looks this often before it goes to sleep; some tens of microseconds. */
const SPINS = 4000;

export interface Crew {
  /** The number of a job of this phase, out of `jobs`, that no worker has begun. -1 where none is left. */
  readonly draw: (phase: number, jobs: number) => number;
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
    draw: (_phase, jobs) => (ticket < jobs ? ticket++ : -1),
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

/**
 * Worker `index` of `workers` over the control block `words`, a view of shared memory. It looks `spins` times before it
 * goes to sleep.
 *
 * Job t belongs to worker t modulo `workers`. A lane's job has the same number in phase after phase. So the lane
 * finds its activations in the cache of the core that wrote them. A worker that is done takes over jobs that others
 * have not begun.
 */
export function sharedCrew(words: Int32Array, index: number, workers: number, spins: number = SPINS): Crew {
  const tickets = (phase: number): number => TICKETS + (phase & 1) * workers;
  const draw = (phase: number, jobs: number): number => {
    for (let offset = 0; offset < workers; offset++) {
      const owner = (index + offset) % workers;
      const job = owner + workers * Atomics.add(words, tickets(phase) + owner, 1);
      if (job < jobs) return job;
    }
    return -1;
  };
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
      words.fill(0, tickets(phase), tickets(phase) + workers);
      Atomics.store(words, SNAPSHOT, Atomics.load(words, STATUS));
      Atomics.add(words, GENERATION, 1);
      Atomics.notify(words, GENERATION);
    } else {
      for (let spin = 0; spin < spins && Atomics.load(words, GENERATION) === generation; spin++);
      while (Atomics.load(words, GENERATION) === generation) Atomics.wait(words, GENERATION, generation);
    }
    return Atomics.load(words, SNAPSHOT);
  };
  return {
    draw,
    fail,
    meet,
    clear: () => Atomics.store(words, STATUS, 0),
  };
}
