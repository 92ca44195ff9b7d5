/** Rows of the comparison, and what they say about the claims of methods. */
import type { Row } from "../../ts/compare/summary.ts";
import { differenceText, spreadText } from "../../ts/compare/tables.ts";

/** A row under the name of its method. */
export interface Judged {
  readonly name: string;
  readonly row: Row;
}

export const verdictColumns = [
  ...["method", "quantizer", "test accuracy, %", "against plain, points (95 % interval)", "runs", "seconds a run"],
];

export const verdictRows = (judged: readonly Judged[]): readonly (readonly string[])[] =>
  judged.map(({ name, row: { quantizer, accuracy, against, accuracies, seconds } }) => [
    ...[name, quantizer, spreadText(accuracy), against === null ? "" : differenceText(against)],
    ...[String(accuracies.length), seconds === null ? "" : seconds.mean.toFixed(0)],
  ]);

/** A sentence on whether the gain that the authors claim shows here; seeds are paired with those of plain training. */
export function sentenceOf({ name, row: { against } }: Judged): string {
  if (against === null) return `${name} has no run yet beside one without it.`;
  const size = `${differenceText(against)} points over ${against.pairs} ${against.pairs === 1 ? "seed" : "seeds"}`;
  if (against.interval === null) return `${name}: ${size}, which says little.`;
  if (against.interval.low > 0) return `${name}: the gain that its authors claim shows here (${size}).`;
  return against.interval.high < 0
    ? `${name}: the gain that its authors claim does not show here, the network becomes worse (${size}).`
    : `${name}: no difference shows (${size}).`;
}
