/** Answers and their truth, which metrics are about. */
import type { Split } from "../../data/dataset.ts";
import { firstWithoutShares } from "../../data/numbers.ts";

/** Outputs `[count][size]` of examples with their truth. */
export interface Answers {
  readonly outputs: Float32Array;
  readonly size: number;
  readonly split: Pick<Split, "count" | "labels" | "targets">;
  /**
   * The meaning of targets without labels. "classes": the largest target is the class, which the largest output answers. "sides":
   * each output says yes above 0, and its target above 1/2. Where absent it is "classes" if several targets of each example are
   * shares of 1, and else "sides".
   */
  readonly meaning?: "classes" | "sides" | undefined;
}

/** The place of the largest number, the first of equal ones. */
export function firstMaximum(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i;
  return best;
}

/** The class of each example; null where each output answers for itself. */
export function classesOf({ size, split: { count, labels, targets }, meaning }: Answers): ArrayLike<number> | null {
  if (labels.length > 0) return labels;
  if (targets === undefined || meaning === "sides") return null;
  if (meaning === undefined && (size === 1 || firstWithoutShares(targets, size) >= 0)) return null;
  return Uint32Array.from({ length: count }, (_, i) => firstMaximum(targets.subarray(i * size, (i + 1) * size)));
}

/** True where a target of one of several labels says yes: of 0 and 1, of -1 and +1, and of probabilities. */
export const saysYes = (target: number): boolean => target > 1 / 2;
