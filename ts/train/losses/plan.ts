/**
 * The objective in a plan: its terms, and the one block of memory where they leave their results. A term's shares lie there one
 * after the other, each an f64 for every name.
 */
import { at, type Place } from "../../program/place.ts";
import type { Objective } from "./index.ts";
import type { LossContext, LossTerm, TermPlan } from "./term.ts";

export interface PlannedTerm extends TermPlan {
  readonly term: LossTerm;
  /** Bytes in front of the term's shares in the block. */
  readonly offset: number;
  /** Its live numbers, f64. */
  readonly numbers: Place;
}

export interface ObjectivePlan {
  readonly terms: readonly PlannedTerm[];
  /** The results of all terms. */
  readonly results: Place;
}

/** Plans `objective` in memory that `allocate` hands out. */
export function planObjective(
  objective: Objective,
  context: LossContext,
  allocate: (bytes: number) => Place,
): ObjectivePlan {
  let bytes = 0;
  const terms = objective.map((term): PlannedTerm => {
    const plan = term.plan(context);
    const offset = bytes;
    bytes += plan.results.shares * shareBytes(plan);
    return { ...plan, term, offset, numbers: allocate(8 * (plan.live?.count ?? 0)) };
  });
  return { terms, results: allocate(bytes) };
}

/** Bytes of one share. */
const shareBytes = ({ results }: TermPlan): number => 8 * results.names.length;

/** The place of a share of `term`. */
export const shareOf = ({ results }: ObjectivePlan, term: PlannedTerm, index: number): Place =>
  at(results, term.offset + index * shareBytes(term));

/** The results of a term in the order of their names, out of the bytes that a step left: shares added up in order. */
function resultsOf(term: PlannedTerm, bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return term.results.names.map((_, number) => {
    let sum = 0;
    for (let share = 0; share < term.results.shares; share++) {
      const factor = term.results.factors?.[share] ?? 1;
      sum += factor * view.getFloat64(term.offset + share * shareBytes(term) + 8 * number, true);
    }
    return sum;
  });
}

/** Sums over the images that counted: of the score's losses, and of right answers; NaN where none is right or wrong. */
export interface ScoreSums {
  readonly loss: number;
  readonly correct: number;
}

/** The score of a batch, as a step or an evaluation left it. */
export function scoreOf({ terms }: ObjectivePlan, bytes: Uint8Array): ScoreSums {
  const score = terms.find(({ term }) => term.isScore === true) as PlannedTerm;
  const [loss = 0, correct = 0] = resultsOf(score, bytes);
  return { loss, correct: score.isAnswered === false ? Number.NaN : correct };
}

/** Means over the images of a step. */
export interface StepLoss {
  /** The sum of the terms. */
  readonly loss: number;
  readonly accuracy: number;
  /** The terms' values by their names, without those that are mute. */
  readonly terms: Readonly<Record<string, number>>;
}

/** The losses of a step of `images`, as it left them. */
export function lossOf(objective: ObjectivePlan, bytes: Uint8Array, images: number): StepLoss {
  const summands = objective.terms.filter(({ term }) => term.isMute !== true);
  const values = summands.map((term): [string, number] => [term.term.name, term.value(resultsOf(term, bytes), images)]);
  const loss = values.reduce((sum, [, value]) => sum + value, 0);
  return { loss, accuracy: scoreOf(objective, bytes).correct / images, terms: Object.fromEntries(values) };
}
