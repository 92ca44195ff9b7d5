/** The time that a method adds to a step. Work between epochs is no part of it. */
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import type { Method } from "../../ts/train/method.ts";
import { stepSeconds } from "../frame/step-seconds.ts";

/**
 * The time of a step with `methods`, divided by that of a step without them, which is taken right before: medians of 20 steps on one
 * thread.
 */
export async function costOf(
  graph: Graph,
  data: Dataset<Split>,
  batchSize: number,
  methods: readonly Method[],
): Promise<number> {
  const plain = await stepSeconds(graph, data, batchSize, { workers: 1 });
  return (await stepSeconds(graph, data, batchSize, { workers: 1, methods })) / plain;
}
