/** Answers and their truth, which metrics are about. */
import type { Split } from "../../data/dataset.ts";

/** Outputs `[count][size]` of examples with their truth. */
export interface Answers {
  readonly outputs: Float32Array;
  readonly size: number;
  readonly split: Pick<Split, "count" | "labels" | "targets">;
}
