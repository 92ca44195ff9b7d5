/** The time that a method adds to a step. Work between epochs is no part of it. */

import { median } from "../../ts/base/quantiles.ts";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import type { Method } from "../../ts/train/method.ts";
import { stepSeconds } from "../frame/step-seconds.ts";

const ROUNDS = 3;

/**
 * The time of a step with `methods`, divided by that of a step without them. It is the median over three rounds of the ratio of
 * medians of 20 steps, in turns and on one thread. A round before them warms up.
 */
export async function costOf(
  graph: Graph,
  data: Dataset<Split>,
  batchSize: number,
  methods: readonly Method[],
): Promise<number> {
  const ratios: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const plain = await stepSeconds(graph, data, batchSize, { workers: 1 });
    const own = await stepSeconds(graph, data, batchSize, { workers: 1, methods });
    if (round > 0) ratios.push(own / plain);
  }
  return median(ratios);
}
