/** A benchmark, and the setting that it gets. */
import type { Finding } from "./finding.ts";
import type { Pace } from "./race.ts";

export interface Setting {
  /** Fewer rounds make a first look. All benchmarks together then take less than two minutes. */
  readonly quick: boolean;
  /** True runs it in headless Chromium instead of Node. */
  readonly browser: boolean;
  /** Hours after which a long benchmark leaves what it has not done; without end where absent. */
  readonly hours?: number | undefined;
}

/** The rounds of a race of a benchmark's size, by the command line. */
export const paceOf = (quick: boolean): Pace =>
  quick ? { rounds: 7, warmUp: 2, sliceMilliseconds: 8 } : { rounds: 31, warmUp: 3, sliceMilliseconds: 12 };

export interface Context extends Setting {
  /** Says how many steps are still to come, all races together; to be called once, before the first `tick`. */
  readonly expect: (steps: number) => void;
  /** One step is done. */
  readonly tick: () => void;
  /** To be called at the end, and when the run is interrupted: ends processes and workers. */
  readonly atEnd: (close: () => unknown) => void;
}

export interface Benchmark {
  readonly title: string;
  /** A sentence or two on the comparison and its method. */
  readonly about: string;
  readonly run: (context: Context) => AsyncGenerator<Finding, void, undefined>;
}
