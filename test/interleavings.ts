/**
 * Tries every order in which threads can reach shared memory, one by one. It is a model checker for code that uses
 * `Atomics`. The code itself runs, not a model of it.
 *
 * A thread cannot be stopped in the middle. So the current part of its script is run again from its start. A log hands
 * out the earlier results of its operations. The next operation is done, and at the one after it an exception ends the
 * part. States that were met before are not gone on from. A state in which nobody can go on, and somebody sleeps, is a
 * deadlock.
 */
import { vi } from "vitest";

/** The parts of a thread, with nothing kept between two of them. `say` notes a word at that place of its course. */
export type Script = readonly ((words: Int32Array, say: (word: string) => void) => void)[];

interface Thread {
  /** Its present part, with the values that operations returned and the words that it said there. */
  readonly part: number;
  readonly log: readonly (number | string)[];
  readonly saying: readonly string[];
  /** The words that it said in the parts before. */
  readonly said: readonly string[];
  /** The word of memory that it sleeps at; -1 where it is awake. */
  readonly sleepsAt: number;
}

interface State {
  readonly memory: readonly number[];
  readonly threads: readonly Thread[];
}

const STOPPED = Symbol("stopped");

/** The state of the thread whose turn it is, and of memory. */
interface Turn {
  readonly words: number[];
  readonly returned: readonly (number | string)[];
  readonly results: (number | string)[];
  next: number;
  sleepsAt: number;
  wokenAt: number;
}

let turn: Turn = { words: [], returned: [], results: [], next: 0, sleepsAt: -1, wokenAt: -1 };

function operation<T extends number | string>(act: () => T): T {
  const { next, returned, results } = turn;
  if (next > returned.length) throw STOPPED;
  if (next === returned.length) results.push(act());
  turn.next++;
  return results[next] as T;
}

const changing =
  (change: (old: number, value: number) => number) =>
  (_: Int32Array, index: number, value: number): number =>
    operation(() => {
      const old = turn.words[index] as number;
      turn.words[index] = change(old, value);
      return old;
    });

const atomics = {
  load: changing((old) => old),
  store: changing((_old, value) => value),
  add: changing((old, value) => old + value),
  compareExchange: (_: Int32Array, index: number, wanted: number, value: number) =>
    changing((old) => (old === wanted ? value : old))(_, index, value),
  notify: (_: Int32Array, index: number) =>
    operation(() => {
      turn.wokenAt = index;
      return 0;
    }),
  wait: (_: Int32Array, index: number, value: number) =>
    operation(() => {
      if (turn.words[index] !== value) return "not-equal";
      turn.sleepsAt = index;
      throw STOPPED;
    }),
};

const memory = {
  fill: (value: number, from: number, to: number) => operation(() => turn.words.fill(value, from, to).length),
} as unknown as Int32Array;

/** `state` after one more operation of thread number `which`, or, where its part has none, after that part. */
function step(state: State, which: number, script: Script): State {
  const thread = state.threads[which] as Thread;
  const saying: string[] = [];
  turn = {
    words: [...state.memory],
    returned: thread.log,
    results: [...thread.log],
    next: 0,
    sleepsAt: -1,
    wokenAt: -1,
  };
  let { part, log, said } = thread;
  try {
    script[part]?.(memory, (word) => saying.push(word));
    [part, log, said] = [part + 1, [], [...said, ...saying.splice(0)]];
  } catch (error) {
    if (error !== STOPPED) throw error;
    log = turn.results;
  }
  const { words, sleepsAt, wokenAt } = turn;
  const threads = state.threads.map((other): Thread => {
    if (other.sleepsAt === -1 || other.sleepsAt !== wokenAt) return other;
    return { ...other, log: [...other.log, "ok"], sleepsAt: -1 };
  });
  return { memory: words, threads: threads.with(which, { part, log, saying, said, sleepsAt }) };
}

/** The words of each thread, in the order of threads. */
export type Said = readonly (readonly string[])[];

export interface Exploration {
  readonly states: number;
  /** The words in each state in which no thread could go on. */
  readonly ends: readonly Said[];
  /** Threads left asleep in such states. */
  readonly asleep: number;
}

/** Tries all orders of `scripts` over memory of `size` words that are 0. `check` sees the words said in each state. */
export function explore(size: number, scripts: readonly Script[], check: (said: Said) => void): Exploration {
  const none: Thread = { part: 0, log: [], saying: [], said: [], sleepsAt: -1 };
  const queue: State[] = [{ memory: new Array<number>(size).fill(0), threads: scripts.map(() => none) }];
  const known = new Set<string>();
  const ends = new Map<string, Said>();
  let asleep = 0;
  vi.stubGlobal("Atomics", atomics);
  try {
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      const key = JSON.stringify(state);
      if (known.has(key)) continue;
      known.add(key);
      const { threads } = state;
      const said = threads.map((thread) => [...thread.said, ...thread.saying]);
      check(said);
      let stuck = true;
      for (const [which, thread] of threads.entries()) {
        const script = scripts[which] as Script;
        if (thread.sleepsAt !== -1 || thread.part === script.length) continue;
        stuck = false;
        queue.push(step(state, which, script));
      }
      if (!stuck) continue;
      ends.set(JSON.stringify(said), said);
      asleep += threads.filter((thread) => thread.sleepsAt !== -1).length;
    }
  } finally {
    vi.unstubAllGlobals();
  }
  return { states: known.size, ends: [...ends.values()], asleep };
}
