/** Rows of the comparison, and what they say about the claims of methods. */
import { spreadText } from "../../ts/compare/report.ts";
import type { Row } from "../../ts/compare/summary.ts";

/** A method's row, beside the training without it. */
export interface Judged {
  readonly name: string;
  readonly row: Row;
  /** The row without methods; null for that row itself. */
  readonly plain: Row | null;
}

export const verdictColumns = [
  "method",
  "quantizer",
  "test accuracy, %",
  "beside plain, points",
  "runs",
  "seconds a run",
];

/** The difference of both means in points, and the deviation of a difference of single runs; null without both. */
export function differenceOf({ row, plain }: Judged): { readonly points: number; readonly deviation: number } | null {
  const [own, other] = [row.accuracy, plain?.accuracy ?? null];
  if (own === null || other === null) return null;
  const deviation = Math.hypot(own.deviation ?? 0, other.deviation ?? 0);
  return { points: 100 * (own.mean - other.mean), deviation: 100 * deviation };
}

const signed = (points: number): string => `${points < 0 ? "-" : "+"}${Math.abs(points).toFixed(2)}`;

export const verdictRows = (judged: readonly Judged[]): readonly (readonly string[])[] =>
  judged.map((one) => {
    const { name, row } = one;
    const difference = differenceOf(one);
    return [
      ...[name, row.quantizer, spreadText(row.accuracy)],
      difference === null ? "" : signed(difference.points),
      ...[String(row.accuracies.length), row.seconds === null ? "" : row.seconds.mean.toFixed(0)],
    ];
  });

/** A sentence on whether the gain that the authors claim shows here. */
export function sentenceOf(one: Judged): string {
  const difference = differenceOf(one);
  if (difference === null) return `${one.name} has not been run yet.`;
  const { points, deviation } = difference;
  const size = `${signed(points)} points, the deviation of a difference being ${deviation.toFixed(2)}`;
  if (one.row.accuracies.length < 2) return `${one.name}: ${signed(points)} points in one run, which says little.`;
  if (Math.abs(points) <= deviation) return `${one.name}: no difference shows (${size}).`;
  return points > 0
    ? `${one.name}: the gain that its authors claim shows here (${size}).`
    : `${one.name}: the gain that its authors claim does not show here, the network becomes worse (${size}).`;
}
