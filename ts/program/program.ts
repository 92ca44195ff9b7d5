/**
 * Programs are lists of calls into the core, written once and run as often as there are steps.
 *
 * A program is a list of phases. A phase is a list of jobs that do not depend on each other. A job is a list of
 * calls, made in order by the worker that takes it. Between two phases all workers meet. A job reads and writes the
 * same numbers on any worker. So the result does not depend on the number of workers.
 */
import { addressed, type Call, callOf, type KernelCall, type Part } from "./named-call.ts";
import type { Place } from "./place.ts";

export type Job<A = Place> = readonly Call<A>[];
export type Phase<A = Place> = readonly Job<A>[];
export type Program<A = Place> = readonly Phase<A>[];

/** Bytes to be copied to an address before a step. */
export interface Write {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The program with an address in place of every place. */
export const placed = (program: Program, addressOf: (place: Place) => number): Program<number> =>
  program.map((phase) => phase.map((job) => job.map((call) => addressed(call, addressOf))));

/** Writes down the calls of one node, for one part of a step. */
export interface Emit {
  /** Appends a call to a lane's job in the current phase. */
  lane(lane: number, call: KernelCall): void;
  /** Adds a job of its own to the current phase. */
  job(calls: readonly KernelCall[]): void;
  /**
   * Adds a job of its own to the next phase. Nobody waits for such work, so it fills the gaps between larger jobs.
   */
  later(calls: readonly KernelCall[]): void;
  /** Adds such work that shares memory with more of its lane. All of it becomes one job in the next phase. */
  laterInLane(lane: number, calls: readonly KernelCall[]): void;
  /** Ends the current phase. Later calls may read the results of any lane or job before. */
  barrier(): void;
}

/** Collects the calls of a program whose work is cut into lanes. Jobs of a lane that follow each other become one. */
export interface ProgramBuilder {
  readonly as: (node: string, part: Part) => Emit;
  readonly barrier: () => void;
  readonly finish: () => Program;
}

/** An empty program with `lanes` lanes. */
export function programBuilder(lanes: number): ProgramBuilder {
  const phases: Phase[] = [];
  const empty = (): Call[][] => Array.from({ length: lanes }, () => []);
  let laneJobs = empty();
  let ownJobs: Job[] = [];
  let nextJobs: Job[] = [];
  let nextLaneTasks = empty();
  const barrier = (): void => {
    const jobs = [...laneJobs, ...ownJobs].filter((job) => job.length > 0);
    if (jobs.length > 0) phases.push(jobs);
    laneJobs = empty();
    ownJobs = [...nextJobs, ...nextLaneTasks];
    nextJobs = [];
    nextLaneTasks = empty();
  };
  return {
    as: (node, part) => {
      const named = (calls: readonly KernelCall[]): Job => calls.map((call) => callOf(node, part, call));
      return {
        lane: (lane, call) => {
          (laneJobs[lane] as Call[]).push(callOf(node, part, call));
        },
        job: (calls) => {
          ownJobs.push(named(calls));
        },
        later: (calls) => {
          nextJobs.push(named(calls));
        },
        laterInLane: (lane, calls) => {
          (nextLaneTasks[lane] as Call[]).push(...named(calls));
        },
        barrier,
      };
    },
    barrier,
    finish: () => {
      barrier();
      barrier();
      return phases;
    },
  };
}
