/**
 * The time of a program, call by call. A linked program and a crew have twins here that look at the clock. They run the
 * same calls and leave the same numbers. A look at the clock costs some tens of nanoseconds a call.
 */

import { type BoundProgram, link } from "../program/bind.ts";
import type { Write } from "../program/program.ts";
import type { Crew } from "./barrier.ts";
import { execute, type RunResult } from "./execute.ts";
import type { KernelInstance } from "./instantiate.ts";

/** The time of one worker in a run, in milliseconds. */
export interface Timing {
  /** Time in each call, by its place in program order, all steps together. */
  readonly calls: Float64Array;
  /** Waiting for the other workers between two phases. */
  readonly waiting: number;
  /** Time between the beginning of the first step and the end of the last. */
  readonly elapsed: number;
}

export interface TimedRun {
  readonly result: RunResult;
  readonly timing: Timing;
}

/** Runs `program` as {@link execute} does, and measures. */
export function executeTimed(
  program: BoundProgram,
  instance: KernelInstance,
  crew: Crew,
  leader: boolean,
  steps: readonly (readonly Write[])[],
): TimedRun {
  const calls = new Float64Array(program.flat(2).length);
  const linked = link(program, instance.exports, (kernel, place) => (...args) => {
    const began = performance.now();
    const status = kernel(...args);
    calls[place] = (calls[place] as number) + performance.now() - began;
    return status;
  });
  let waiting = 0;
  const timed: Crew = {
    ...crew,
    meet: (phase) => {
      const began = performance.now();
      const failed = crew.meet(phase);
      waiting += performance.now() - began;
      return failed;
    },
  };
  const began = performance.now();
  const result = execute(linked, timed, leader, instance.memory, steps, []);
  return { result, timing: { calls, waiting, elapsed: performance.now() - began } };
}
