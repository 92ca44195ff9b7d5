/** Findings of benchmarks. A comparison is the rule. Tables, notes and pictures hold facts that a ratio cannot. */
import { median, quantile } from "../../ts/base/quantiles.ts";
import type { Timing } from "./race.ts";

/** One contestant's time of one operation, in milliseconds: median, best, and the quartiles around the median. */
export interface Side {
  readonly name: string;
  readonly version: string;
  readonly ms: number;
  readonly best: number;
  readonly quartiles: readonly [number, number];
}

/** Ours against a peer, from the same rounds of one run. */
export interface Comparison {
  readonly type: "comparison";
  readonly name: string;
  readonly ours: Side;
  readonly peer: Side;
  /** The peer's median time by ours: above 1 we are faster. */
  readonly ratio: number;
  /** Quartiles of the ratios of the single rounds. */
  readonly spread: readonly [number, number];
  readonly threads: number;
  /** The build of our core. */
  readonly variant: string;
}

/** Rows of text under a heading. */
export interface Table {
  readonly type: "table";
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A sentence that belongs to the results. */
export interface Note {
  readonly type: "note";
  readonly text: string;
}

/** A picture as SVG text, for the page alone. */
export interface Picture {
  readonly type: "picture";
  readonly title: string;
  readonly svg: string;
}

export type Finding = Comparison | Table | Note | Picture;

/** The comparison of two contestants that ran in the same race. */
export function compare(
  name: string,
  ours: Timing,
  peer: Timing,
  setting: { readonly threads: number; readonly variant: string },
): Comparison {
  const ratios = peer.rounds.map((ms, round) => ms / (ours.rounds[round] as number)).sort((a, b) => a - b);
  const spread = [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const;
  return {
    ...{ type: "comparison", name, ours: sideOf(ours), peer: sideOf(peer), ratio: medianOf(peer) / medianOf(ours) },
    ...{ spread, ...setting },
  };
}

function sideOf({ name, version, rounds }: Timing): Side {
  const sorted = rounds.toSorted((a, b) => a - b);
  const quartiles = [quantile(sorted, 0.25), quantile(sorted, 0.75)] as const;
  return { name, version, ms: quantile(sorted, 0.5), best: quantile(sorted, 0), quartiles };
}

export const medianOf = (timing: Timing): number => median(timing.rounds);

/** A value of two contestants' times in each round: its median over the rounds, and its best tenth. */
export function perRound(
  one: Timing,
  two: Timing,
  value: (one: number, two: number) => number,
): { readonly median: number; readonly best: number } {
  const sorted = one.rounds.map((ms, round) => value(ms, two.rounds[round] as number)).sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), best: quantile(sorted, 0.9) };
}
