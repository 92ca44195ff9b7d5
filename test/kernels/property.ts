/** A property of kernels: random cases, a check that throws, and what came of it. Runs wherever the kernels run. */

import type { KernelName } from "../../ts/program/call.ts";
import fc from "../fast-check.ts";
import type { Bench } from "./bench.ts";

export interface PropertyResult {
  readonly name: string;
  /** Cases tried. */
  readonly cases: number;
  /** Kernels that were called. */
  readonly kernels: readonly KernelName[];
  /** The smallest case found that fails, and why; none where all is well. */
  readonly failures: readonly string[];
  /** Digest of every bit of every result: equal wherever arithmetic is the same. */
  readonly digest: string;
}

export interface Property {
  readonly name: string;
  readonly run: (bench: Bench) => PropertyResult;
}

/** The same cases in every run and on every machine. */
const SEED = 20_231_210;
const RUNS = 40;

export interface PropertyOptions<T> {
  /** Cases that must always be tried. */
  readonly examples?: readonly T[];
  /** Random cases beside them; 40 where absent. */
  readonly runs?: number;
}

/** A property whose `check` throws for a case that fails. */
export function property<T>(
  name: string,
  cases: fc.Arbitrary<T>,
  check: (bench: Bench, value: T) => void,
  options: PropertyOptions<T> = {},
): Property {
  const examples = options.examples ?? [];
  return {
    name,
    run: (bench) => {
      bench.report();
      const claim = fc.property(cases, (value) => {
        bench.fresh();
        check(bench, value);
      });
      const details = fc.check(claim, {
        seed: SEED,
        numRuns: examples.length + (options.runs ?? RUNS),
        examples: examples.map((value): [T] => [value]),
      });
      const reason = details.errorInstance instanceof Error ? details.errorInstance.message : "";
      const failures = details.failed ? [`${reason}; case ${JSON.stringify(details.counterexample?.[0])}`] : [];
      return { name, cases: details.numRuns, failures, ...bench.report() };
    },
  };
}
