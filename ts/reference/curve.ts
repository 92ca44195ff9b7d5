/**
 * The first steps of a run, ours beside one on tfjs that follows its own numbers, from equal weights over equal images.
 *
 * The losses drift apart: rounding errors differ, and a sign that falls differently changes a loss by a jump. How far a
 * correct run may drift is measured, not guessed: our run is repeated from parameters that are moved by what rounding does to
 * a product of K rows (in f32 it is the exact product of weights that are off by a relative error of `sumError(K)`; Higham,
 * 2002, section 3.5); shifts of batch norms and biases are moved by that error itself, so that what a quantizer sees is off by
 * it too. What these runs are off by after t steps, D(t), is what one such error at the start does. A step makes three
 * products (forward and two gradients) and each of t + 1 steps begins anew, so the tolerance of loss t is 3 (t + 1) D(t), and
 * the rounding of the loss itself.
 *
 * That grows: after some steps a rounding error may change a loss by more than a hundredth, and a comparison says nothing any
 * more. Losses are compared until then, and the row tells how many they are; fewer than three are a mismatch.
 */
import type { Dataset, Split } from "../io/dataset.ts";
import type { Graph } from "../nn/graph.ts";
import { parametersOf } from "../nn/parameters.ts";
import { randomStream, shuffle } from "../nn/random.ts";
import { elementsOf } from "../nn/shapes.ts";
import type { Optimizer } from "../train/optimizers.ts";
import { Trainer } from "../train/trainer.ts";
import { aborted } from "./aborted.ts";
import { compareNumbers, lacksFilterGradient, unsupported } from "./compare.ts";
import { randomSplit } from "./random.ts";
import type { Row } from "./report.ts";
import { FEW, sumError } from "./rounding.ts";
import type { TensorFlow } from "./tensorflow.ts";
import { createReferenceTrainer } from "./trainer.ts";

export interface Curve {
  readonly subject: string;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly steps: number;
  readonly seed: number;
  readonly workers: number;
  readonly signal?: AbortSignal | undefined;
}

/** Runs from moved weights. */
const MOVED = 4;
/** The largest tolerance, relative to the loss, that still says something. */
const TELLING = 0.01;
const LEAST = 3;

/** The losses of both runs. */
export async function compareCurve(tf: TensorFlow, curve: Curve): Promise<Row> {
  const { subject, graph, batchSize, steps, seed } = curve;
  const label = { subject, node: `${steps} steps`, quantity: "loss curve" } as const;
  const images = randomSplit(graph, seed, batchSize * steps);
  const data: Dataset = { name: "random", classes: [], train: images, test: images };
  const { losses: ours, start } = await ownRun(curve, data);
  const lack = graph.nodes.some(({ op }) => op === "conv2d") ? lacksFilterGradient(tf) : null;
  if (lack !== null) return unsupported(label, steps, lack);
  const theirs = await referenceRun(tf, curve, images, start);
  const drift = new Float64Array(steps);
  for (let run = 1; run <= MOVED; run++) {
    const { losses } = await ownRun(curve, data, moved(graph, start, run));
    losses.forEach((loss, t) => {
      drift[t] = Math.max(drift[t] as number, Math.abs(loss - (ours[t] as number)));
    });
  }
  let worst = 0;
  const tolerances = Float64Array.from(drift, (distance, t) => {
    worst = Math.max(worst, distance);
    return 3 * (t + 1) * worst + FEW * (1 + Math.abs(ours[t] as number));
  });
  const silent = tolerances.findIndex((tolerance, t) => tolerance > TELLING * Math.abs(ours[t] as number));
  const count = silent < 0 ? steps : silent;
  const row = compareNumbers(label, ours.slice(0, count), theirs.slice(0, count), tolerances);
  if (count === steps) return row;
  const detail = `${count} of ${steps} losses; after them a rounding error moves our own by more than 1 %`;
  const enough = count >= Math.min(LEAST, steps);
  return {
    ...row,
    verdict: enough ? row.verdict : "mismatch",
    detail: row.detail === "" ? detail : `${row.detail}; ${detail}`,
  };
}

/** Weights as they start, each moved by a relative error that rounding may make of its product. */
function moved(graph: Graph, start: ReadonlyMap<string, Float32Array>, run: number): Map<string, Float32Array> {
  const longest = Math.max(...parametersOf(graph).map(({ shape }) => elementsOf(shape.slice(0, -1)))) + 1;
  return new Map(
    parametersOf(graph).flatMap(({ name, role, shape }) => {
      if (role === "statistic") return [];
      const isShift = name.endsWith("/beta") || name.endsWith("/bias");
      const error = sumError(isShift ? longest : elementsOf(shape.slice(0, -1)) + 1);
      const stream = randomStream(run, name);
      const values = start.get(name) as Float32Array;
      const off = (): number => error * (2 * stream.uniform() - 1);
      return [[name, values.map((value) => (isShift ? value + off() : value * (1 + off())))] as const];
    }),
  );
}

interface OwnRun {
  readonly losses: readonly number[];
  readonly start: ReadonlyMap<string, Float32Array>;
}

async function ownRun(curve: Curve, data: Dataset, weights?: ReadonlyMap<string, Float32Array>): Promise<OwnRun> {
  const { graph, optimizer, batchSize, seed, workers, signal } = curve;
  const trainer = await Trainer.create(graph, { optimizer, seed, workers });
  try {
    if (weights !== undefined) await trainer.setWeights(weights);
    const start = await trainer.weights();
    const losses: number[] = [];
    for await (const event of trainer.fit(data, { epochs: 1, batchSize, validate: false, ...(signal && { signal }) })) {
      if (event.type === "step") losses.push(event.loss);
    }
    return { losses, start };
  } finally {
    trainer.close();
  }
}

/** The same batches in the same order, on tfjs. */
async function referenceRun(
  tf: TensorFlow,
  { graph, optimizer, batchSize, steps, seed, signal }: Curve,
  split: Split,
  start: ReadonlyMap<string, Float32Array>,
): Promise<readonly number[]> {
  const order = shuffle(split.count, seed, 0);
  const trainer = createReferenceTrainer(tf, graph, optimizer, start);
  try {
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      if (signal?.aborted) throw aborted();
      const images = order.subarray(step * batchSize, (step + 1) * batchSize);
      losses.push(await trainer.step(batchOf(split, images), step / steps, step + 1));
    }
    return losses;
  } finally {
    trainer.dispose();
  }
}

/** The images of these numbers as the network sees them. */
export function batchOf(split: Split, numbers: Uint32Array) {
  const size = split.images.length / split.count;
  const pixels = new Float32Array(numbers.length * size);
  numbers.forEach((number, place) => {
    const bytes = split.images.subarray(number * size, (number + 1) * size);
    pixels.set(
      Float32Array.from(bytes, (byte) => byte * split.scale + split.offset),
      place * size,
    );
  });
  return {
    images: numbers.length,
    pixels,
    labels: Uint8Array.from(numbers, (number) => split.labels[number] as number),
  };
}
