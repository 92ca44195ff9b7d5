/**
 * The pairs that ProxConnect++ makes of a known forward or backward map, held against those that they were made of: `poly+`
 * against `poly`, `ede+` against `ede`, `bnn++` against `bnn+`, and `bnn+` against `bnn`.
 */
import { differenceOf, type PairedDifference } from "./statistics.ts";
import { bySeed, type Row } from "./summary.ts";

export interface PairDifference {
  readonly row: Row;
  /** The quantizer that it was made of. */
  readonly original: string;
  readonly difference: PairedDifference;
}

/** True where seeds tell a difference from 0, because its interval lies on one side. One seed never does. */
export const isTold = ({ interval }: PairedDifference): boolean =>
  interval !== null && (interval.low > 0 || interval.high < 0);

/** The pairs of which both stand in `rows`, of one task and one method, with a seed in common. */
export function pairsOf(rows: readonly Row[]): readonly PairDifference[] {
  return rows.flatMap((row) => {
    const { quantizer, task, method } = row;
    const original = quantizer.replace(/\+$/, "");
    const other = rows.find((own) => own.quantizer === original && own.task === task && own.method === method);
    if (original === quantizer || other === undefined) return [];
    const difference = differenceOf(bySeed(row), bySeed(other));
    return difference === null ? [] : [{ row, original, difference }];
  });
}
