/** Rows of the comparison, and what they say about the claims of methods. */
import type { Row } from "../../ts/compare/summary.ts";
import { differenceText, spreadText } from "../../ts/compare/tables.ts";

/** A row under the name of its method. */
export interface Judged {
  readonly name: string;
  readonly row: Row;
  /** The time of a step by that of plain training; null for plain training itself. */
  readonly cost: number | null;
  /** The claim of its authors where that is no gain of accuracy. */
  readonly claim?: string | undefined;
}

export const verdictColumns = [
  ...["method", "quantizer", "test accuracy, %", "against plain, points (95 % interval)", "runs", "a step, of plain's"],
];

export const verdictRows = (judged: readonly Judged[]): readonly (readonly string[])[] =>
  judged.map(({ name, cost, row: { quantizer, accuracy, against, accuracies } }) => [
    ...[name, quantizer, spreadText(accuracy), against === null ? "" : differenceText(against)],
    ...[String(accuracies.length), cost === null ? "" : `${cost.toFixed(2)}x`],
  ]);

/** A sentence on whether the authors' claim shows here; seeds are paired with those of plain training. */
export function sentenceOf({ name, claim, row: { against } }: Judged): string {
  if (against === null) return `${name} has no run yet beside one without it.`;
  const size = `${differenceText(against)} points over ${against.pairs} ${against.pairs === 1 ? "seed" : "seeds"}`;
  if (claim !== undefined) return `${name}: its authors claim ${claim}; here the difference is ${size}.`;
  if (against.interval === null) return `${name}: ${size}, which says little.`;
  if (against.interval.low > 0) return `${name}: the gain that its authors claim shows here (${size}).`;
  return against.interval.high < 0
    ? `${name}: the gain that its authors claim does not show here, the network becomes worse (${size}).`
    : `${name}: no difference shows (${size}).`;
}
