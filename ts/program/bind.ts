/**
 * A program on its way to the workers. Its calls stand by position, in the order of the core, and nobody looks into
 * them. They are then linked to an instance.
 */

import type { KernelExports, Positional } from "./exports.ts";
import { type KernelName, positions } from "./named-call.ts";
import type { Program } from "./program.ts";

/** A call with its arguments in the order of the core. */
export interface BoundCall {
  readonly node: string;
  readonly kernel: KernelName;
  readonly arguments: readonly number[];
}

export type BoundProgram = readonly (readonly (readonly BoundCall[])[])[];

/** The call that reported a number that is not finite. */
export interface Failure {
  readonly node: string;
  readonly kernel: KernelName;
}

/** A program whose calls are linked to one instance; `calls` are all of them in program order. */
export interface LinkedProgram {
  readonly phases: readonly (readonly (() => number)[])[];
  readonly calls: readonly BoundCall[];
}

/** Arguments by position. */
export const bind = (program: Program<number>): BoundProgram =>
  program.map((phase) =>
    phase.map((job) => job.map((call) => ({ node: call.node, kernel: call.kernel, arguments: positions(call) }))),
  );

/**
 * Links a program to an instance. A linked job returns 0, or 1 + the place of its first call that reported a bad
 * number. Places count in program order. The later calls of that job are not made. `around` may wrap the kernel of the
 * call at a place, for example in a clock.
 */
export function link(
  program: BoundProgram,
  exports: KernelExports,
  around: (kernel: Positional, place: number) => Positional = (kernel) => kernel,
): LinkedProgram {
  const calls: BoundCall[] = [];
  const phases = program.map((phase) =>
    phase.map((job) => {
      const first = calls.length;
      calls.push(...job);
      const linked = job.map((call, i) => ({
        kernel: around(exports[call.kernel] as Positional, first + i),
        arguments: call.arguments,
      }));
      return () => {
        for (let i = 0; i < linked.length; i++) {
          const call = linked[i] as (typeof linked)[number];
          if (call.kernel(...call.arguments) !== 0) return first + i + 1;
        }
        return 0;
      };
    }),
  );
  return { phases, calls };
}
