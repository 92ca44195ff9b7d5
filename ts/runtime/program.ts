/**
 * A program: what to call, in which order, on which addresses. It is planned once, sent to every worker, and then run as
 * often as there are steps.
 *
 * A program is a list of phases; a phase is a list of tasks that do not depend on each other; a task is a list of calls
 * made in order by whichever worker takes it. Between two phases all workers meet. Since a task reads and writes the same
 * numbers whoever runs it, the result does not depend on how many workers there are.
 */
import type { KernelExports, KernelName } from "./exports.ts";

/** One call into the core: a kernel and its arguments (addresses and sizes), with the node it belongs to. */
export interface Call {
  readonly node: string;
  readonly kernel: KernelName;
  readonly arguments: readonly number[];
}

export type Task = readonly Call[];
export type Phase = readonly Task[];
export type Program = readonly Phase[];

/** A range of memory, in bytes. */
export interface Range {
  readonly address: number;
  readonly bytes: number;
}

/** Bytes to be copied to an address before a step. */
export interface Write {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The call that reported a number that is not finite, by its place in program order. */
export interface Failure {
  readonly node: string;
  readonly kernel: KernelName;
}

/** A program whose calls are bound to one instance; `calls` are all of them in program order. */
export interface BoundProgram {
  readonly phases: readonly (readonly (() => number)[])[];
  readonly calls: readonly Call[];
}

type Kernel = KernelExports[KernelName];

/**
 * Binds a program to an instance. A bound task returns 0, or 1 + the place (in program order) of the first call that
 * reported a bad number; the calls after it in the same task are not made. `around` may put something around the kernel of
 * the call at a place, for example a clock.
 */
export function bind(
  program: Program,
  exports: KernelExports,
  around: (kernel: Kernel, place: number) => Kernel = (kernel) => kernel,
): BoundProgram {
  const calls: Call[] = [];
  const phases = program.map((phase) =>
    phase.map((task) => {
      const first = calls.length;
      calls.push(...task);
      const bound = task.map((call, i) => ({
        kernel: around(exports[call.kernel], first + i),
        arguments: call.arguments,
      }));
      return () => {
        for (let i = 0; i < bound.length; i++) {
          const call = bound[i] as (typeof bound)[number];
          if (call.kernel(...call.arguments) !== 0) return first + i + 1;
        }
        return 0;
      };
    }),
  );
  return { phases, calls };
}

/** Collects the calls of a program whose work is cut into lanes; tasks of a lane that follow each other become one. */
export interface ProgramBuilder {
  /** Appends a call to a lane's task in the current phase. */
  lane(lane: number, node: string, kernel: KernelName, ...args: readonly number[]): void;
  /** Adds a task of its own to the current phase. */
  task(calls: Task): void;
  /** Adds a task of its own to the next phase: work that nobody waits for, to fill the gaps between larger tasks. */
  later(calls: Task): void;
  /** The same for work that shares memory with other such work of its lane: it becomes one task in the next phase. */
  laterInLane(lane: number, calls: Task): void;
  /** Ends the current phase: what follows may read what any lane or task wrote before. */
  barrier(): void;
  finish(): Program;
}

/** An empty program with `lanes` lanes. */
export function programBuilder(lanes: number): ProgramBuilder {
  const phases: Phase[] = [];
  const empty = (): Call[][] => Array.from({ length: lanes }, () => []);
  let laneTasks = empty();
  let ownTasks: Task[] = [];
  let nextTasks: Task[] = [];
  let nextLaneTasks = empty();
  const barrier = (): void => {
    const tasks = [...laneTasks, ...ownTasks].filter((task) => task.length > 0);
    if (tasks.length > 0) phases.push(tasks);
    laneTasks = empty();
    ownTasks = [...nextTasks, ...nextLaneTasks];
    nextTasks = [];
    nextLaneTasks = empty();
  };
  return {
    lane: (lane, node, kernel, ...args) => {
      (laneTasks[lane] as Call[]).push({ node, kernel, arguments: args });
    },
    task: (calls) => {
      ownTasks.push(calls);
    },
    later: (calls) => {
      nextTasks.push(calls);
    },
    laterInLane: (lane, calls) => {
      (nextLaneTasks[lane] as Call[]).push(...calls);
    },
    barrier,
    finish: () => {
      barrier();
      barrier();
      return phases;
    },
  };
}
