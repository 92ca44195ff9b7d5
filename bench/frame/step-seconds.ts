/** The time of a step, so that a night knows how much of a study it holds, and what a method costs. */

import { median } from "../../ts/base/quantiles.ts";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { take } from "../../ts/data/split.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { Trainer, type TrainerOptions } from "../../ts/train/run/trainer.ts";

const STEPS = 20;

/** The median time of a step of `graph`, in seconds, over the first 20 or as many as the data has. */
export async function stepSeconds(
  graph: Graph,
  data: Dataset<Split>,
  batchSize: number,
  options: TrainerOptions = {},
): Promise<number> {
  using trainer = await Trainer.create(graph, { seed: 1, ...options });
  const few = { ...data, train: take(data.train, Math.min(data.train.count, STEPS * batchSize)) };
  const seconds: number[] = [];
  const onStep = ({ imagesPerSecond }: { readonly imagesPerSecond: number }) =>
    void seconds.push(batchSize / imagesPerSecond);
  await trainer.fit(few, { epochs: 1, batchSize, validate: false, onStep });
  return median(seconds);
}
