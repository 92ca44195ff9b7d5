/**
 * Runs a linked program for a number of steps, as one worker of a crew. All workers are in this loop while a network
 * trains. The leader puts a step's bytes in place, all run the phases, and the leader collects the results.
 */

import type { Failure, LinkedProgram } from "../program/bind.ts";
import type { Range } from "../program/place.ts";
import type { Write } from "../program/program.ts";
import type { Crew } from "./barrier.ts";

/** The result of a run: steps completed, the failure that stopped it, and the bytes read after each step. */
export interface RunResult {
  readonly completed: number;
  readonly failure: Failure | null;
  readonly reads: readonly (readonly Uint8Array[])[];
}

/** A failure that is a trap in the core and no number. The worker that met it throws it after the others have left. */
const TRAP = 0x7ffffffe;

/**
 * Runs `program` once for every element of `steps`. After a failure no later phase runs. So the results of that phase,
 * the new weights, stay as they were.
 *
 * @throws WebAssembly.RuntimeError in the worker whose call trapped, once the whole crew has stopped.
 */
export function execute(
  program: LinkedProgram,
  crew: Crew,
  leader: boolean,
  memory: WebAssembly.Memory,
  steps: readonly (readonly Write[])[],
  reads: readonly Range[],
): RunResult {
  const bytes = new Uint8Array(memory.buffer);
  const collected: Uint8Array[][] = [];
  let turn = 0;
  let trap: unknown;
  if (leader) crew.clear();
  for (let step = 0; step < steps.length; step++) {
    if (leader) for (const write of steps[step] as readonly Write[]) bytes.set(write.bytes, write.address);
    let failed = crew.meet(turn++);
    for (const phase of program.phases) {
      for (let job = crew.draw(turn, phase.length); job >= 0; job = crew.draw(turn, phase.length)) {
        try {
          const place = (phase[job] as () => number)();
          if (place !== 0) crew.fail(place);
        } catch (error) {
          trap = error;
          crew.fail(TRAP);
        }
      }
      failed = crew.meet(turn++);
      if (failed !== 0) break;
    }
    if (trap !== undefined) throw trap;
    if (failed !== 0) return { completed: step, failure: describe(program, failed), reads: collected };
    if (leader) collected.push(reads.map((range) => bytes.slice(range.address, range.address + range.bytes)));
  }
  return { completed: steps.length, failure: null, reads: collected };
}

function describe(program: LinkedProgram, place: number): Failure | null {
  const call = program.calls[place - 1];
  return call === undefined ? null : { node: call.node, kernel: call.kernel };
}
