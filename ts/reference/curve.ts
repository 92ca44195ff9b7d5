/**
 * The first steps of a run, ours beside one on tfjs that trains by itself: its own weights, optimizer and statistics, from
 * equal weights over equal images.
 *
 * Left alone, two correct runs part after a few steps, for some activation lies so near 0 that rounding decides its sign, and
 * the next losses are others. So tfjs decides as we did where both numbers are the same but for rounding: an activation or a
 * latent weight of its own that is within the tolerance of ours is taken from us, one that is farther off stays. Nothing else
 * passes between the runs.
 *
 * The tolerance is what rounding may do in t + 1 steps: each step's sums are off by at most `sumDistance(K)` of their
 * magnitude on both sides together, K being the longest sum in a step, and what steps are off by adds up.
 */
import type { Split } from "../data/dataset.ts";
import type { Graph } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { parametersOf } from "../nn/parameters.ts";
import { elementsOf } from "../nn/shapes.ts";
import { createPool } from "../runtime/pool.ts";
import type { Optimizer } from "../train/optimizers/optimizers.ts";
import { createEngine } from "../train/run/engine.ts";
import { type Observation, observeStep } from "../train/run/observe.ts";
import { initialize, readWeights } from "../train/run/trained-weights.ts";
import { aborted } from "./aborted.ts";
import { compareNumbers, unsupported } from "./compare.ts";
import { lackOf } from "./nodes.ts";
import { randomSplit } from "./random.ts";
import type { Row } from "./report.ts";
import { sumDistance } from "./rounding.ts";
import type { TensorFlow } from "./tensorflow.ts";
import { createReferenceTrainer } from "./trainer.ts";

interface Curve {
  readonly subject: string;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly steps: number;
  readonly seed: number;
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
}

/** Images of a step, at least: over two, batch norm divides by a variance that may be nothing but rounding. */
const FEWEST_IMAGES = 8;

/** The losses of both runs. */
export async function compareCurve(tf: TensorFlow, curve: Curve): Promise<Row> {
  const { subject, graph, optimizer, steps, seed, workers, signal } = curve;
  const batchSize = Math.max(FEWEST_IMAGES, curve.batchSize);
  const label = { subject, node: `${steps} steps`, quantity: "loss curve" } as const;
  const lack = lackOf(tf, graph);
  if (lack !== null) return unsupported(label, steps, lack);
  const images = randomSplit(graph, seed, batchSize * steps);
  const error = sumDistance(longestSum(graph, batchSize));
  const pool = await createPool({ workers });
  try {
    const engine = await createEngine(graph, optimizer, pool, { observed: true });
    await initialize(engine, seed);
    const trainer = createReferenceTrainer(tf, graph, optimizer, await readWeights(engine));
    try {
      const [ours, theirs, tolerances]: [number[], number[], number[]] = [[], [], []];
      for (let step = 0; step < steps; step++) {
        if (signal?.aborted) throw aborted();
        const batch = batchOf(images, step, batchSize);
        const [progress, update] = [step / steps, step + 1];
        const seen: Observation = await observeStep(engine, batch, batchSize, { progress, update });
        const pixels = Float32Array.from(batch.images, (byte) => byte * batch.scale + batch.offset);
        const given = { images: batchSize, pixels, labels: batch.labels };
        const pins = { values: seen.values, latents: seen.before.parameters, within: error * update };
        theirs.push(await trainer.step(given, progress, update, pins));
        ours.push(seen.loss);
        tolerances.push(error * update * (1 + Math.abs(seen.loss)));
      }
      return compareNumbers(label, ours, theirs, tolerances);
    } finally {
      trainer.dispose();
    }
  } finally {
    pool.close();
  }
}

/** Terms of the longest sum in a step: a kernel's rows, or the images and pixels that a filter's gradient runs over. */
function longestSum(graph: Graph, images: number): number {
  const rows = parametersOf(graph).map(({ shape }) => elementsOf(shape.slice(0, -1)));
  const pixels = [...shapesOf(graph).values()].map((shape) => images * elementsOf(shape.slice(0, -1)));
  return Math.max(...rows, ...pixels);
}

/** The images of a step, as a split of their own. */
function batchOf(split: Split, step: number, count: number): Split {
  const size = split.images.length / split.count;
  const [first, end] = [step * count, (step + 1) * count];
  return {
    ...split,
    count,
    images: split.images.subarray(first * size, end * size),
    labels: split.labels.subarray(first, end),
  };
}
