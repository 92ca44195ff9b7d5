/** Our trainer, a step at a time. */
import type { Dataset, Split } from "../../ts/io/dataset.ts";
import type { Graph } from "../../ts/nn/graph.ts";
import { Trainer, type TrainerOptions } from "../../ts/train/trainer.ts";
import { xorshift } from "../conv/problem.ts";
import type { Context } from "../frame/benchmark.ts";

export interface Stepper {
  /** Makes `count` steps of training. */
  readonly steps: (count: number) => Promise<void>;
  readonly variant: string;
  readonly workers: number;
}

/** Images of random bytes with random labels: what a step costs does not depend on them. */
export function noise(shape: readonly [number, number, number], count: number): Dataset {
  const next = xorshift(1);
  const split: Split = {
    ...{ count, shape, scale: 1 / 127.5, offset: -1 },
    images: Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => next() >>> 24),
    labels: Uint8Array.from({ length: count }, () => (next() >>> 8) % 10),
  };
  const classes = Array.from({ length: 10 }, (_, label) => String(label));
  return { name: "noise", classes, train: split, test: split };
}

/** A trainer in the middle of a long run. It ends with the benchmark. */
export async function stepper(
  graph: Graph,
  data: Dataset,
  batchSize: number,
  options: TrainerOptions,
  context: Context,
): Promise<Stepper> {
  const trainer = await Trainer.create(graph, { seed: 1, ...options });
  context.atEnd(() => trainer.close());
  // So many epochs that schedules stay where they begin: the part of a run that takes longest.
  const events = trainer.fit(data, { epochs: 1e6, batchSize, validate: false });
  return {
    variant: trainer.variant,
    workers: trainer.workers,
    steps: async (count) => {
      for (let made = 0; made < count; ) {
        const { value } = await events.next();
        if (value?.type === "step") made++;
      }
    },
  };
}
