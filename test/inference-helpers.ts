/**
 * Common parts of the tests of inference: a trainer with given weights, its logits, sessions that must give the same, and weights
 * that are hard to fuse.
 */
import { expect } from "vitest";
import type { ImageSplit } from "../ts/data/dataset.ts";
import { bringHalves } from "../ts/inference/halves.ts";
import { type LoadOptions, load } from "../ts/inference/index.ts";
import { type Prepared, type PrepareOptions, prepare, runner } from "../ts/inference/prepare.ts";
import { createResults } from "../ts/inference/results.ts";
import type { PackedModel } from "../ts/io/model-file.ts";
import { type Graph, randomStream } from "../ts/nn/index.ts";
import { rangeOf } from "../ts/program/place.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { instantiate } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import type { Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { Lane } from "../ts/train/plan/context.ts";
import { createEngine, type Engine } from "../ts/train/run/engine.ts";
import { evaluate } from "../ts/train/run/evaluate.ts";
import { pack, writeWeights } from "../ts/train/run/trained-weights.ts";

export type Weights = Map<string, Float32Array>;

export async function engineWith(pool: Pool, graph: Graph, weights: Weights): Promise<Engine> {
  const engine = await createEngine(graph, optimizers.sgd({}), pool);
  await writeWeights(engine, weights);
  return engine;
}

/** The logits that the trainer's evaluation works with, read from its memory. */
export async function trainerLogits(engine: Engine, split: ImageSplit): Promise<Float32Array> {
  const output = engine.graph.output;
  const size = (engine.shapes.get(output) as readonly number[])[0] as number;
  const images = Uint32Array.from({ length: split.count }, (_, i) => i);
  const result = await engine.withPlan(split.count, async (plan) => {
    const range = rangeOf(plan.context.value(output, plan.lanes[0] as Lane), 4 * size * split.count);
    const program = await engine.evaluateStep(plan, await engine.dataAt(split), split.count);
    return engine.pool.run(program, [engine.inputs(plan, images)], [range]);
  });
  expect(result.failure).toBeNull();
  return new Float32Array(Uint8Array.from(result.reads[0]?.[0] ?? []).buffer);
}

export const inputMetadata = ({ scale, offset }: ImageSplit): Record<string, string> => ({
  inputScale: String(scale),
  inputOffset: String(offset),
});
export const firstMaximum = (scores: Float32Array): number => scores.indexOf(Math.max(...scores));
export const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)];

/** A model in memory of its own. */
export interface InMemory {
  readonly prepared: Prepared;
  /** The outputs of images, of which as many go in at once as the batch says. */
  readonly run: (images: Float32Array) => Float32Array;
}

/** Prepares a model for as many workers, and lets this thread do their tasks one after the other. */
export async function inMemory(model: PackedModel, options: Partial<PrepareOptions>): Promise<InMemory> {
  const instance = instantiate(await loadModule("plain"), {});
  await bringHalves(model.graph);
  const prepared = await prepare(model, "plain", instance, { kernel: "lookup", batch: 1, workers: 1, ...options });
  const { compiled, stagedImages } = prepared;
  const { inputSize } = compiled;
  const run = (images: Float32Array): Float32Array => {
    const count = images.length / inputSize;
    const results = createResults(prepared, count);
    for (let first = 0; first < count; first += stagedImages) {
      const valid = Math.min(stagedImages, count - first);
      const blocks = prepared.stage(images.subarray(first * inputSize, (first + valid) * inputSize));
      runner(instance, prepared.program(blocks, "floats"), "while it ran")();
      results.take(first, valid);
    }
    return results.checked()[0] as Float32Array;
  };
  return { prepared, run };
}

/** `count` numbers from -1 to 1, other ones for each text. */
export function randomNumbers(count: number, text: string): Float32Array {
  const stream = randomStream(1, text);
  return Float32Array.from({ length: count }, () => 2 * stream.uniform() - 1);
}

const everyKernel: readonly LoadOptions[] = (["lookup", "popcnt8", "popcnt64"] as const).flatMap((kernel) => [
  { kernel, variant: "plain", batch: 1 },
  { kernel, variant: "relaxed", batch: 7 },
]);

/** The trainer and every kind of session on the same images; returns the logits they agree on. */
export async function agreedLogits(
  pool: Pool,
  graph: Graph,
  weights: Weights,
  split: ImageSplit,
): Promise<Float32Array> {
  const engine = await engineWith(pool, graph, weights);
  const wanted = await trainerLogits(engine, split);
  const { predictions, loss } = await evaluate(engine, split, { batchSize: 5 });
  const file = await pack(engine, inputMetadata(split));
  expect(Number.isFinite(loss)).toBe(true);
  for (const options of everyKernel) {
    const session = await load(file, options);
    const logits = session.run(split.images, { count: split.count });
    expect(bits(logits), JSON.stringify(options)).toEqual(bits(wanted));
    const classes = session.classes;
    for (let i = 0; i < split.count; i++) {
      expect(firstMaximum(logits.subarray(i * classes, (i + 1) * classes))).toBe(predictions[i]);
    }
  }
  return wanted;
}

/** Random weights, with batch norms that fuse into every kind of threshold: falling, constant, and far outside the sums. */
export function awkwardWeights(graph: Graph, seed: number): Weights {
  const stream = randomStream(seed, "awkward");
  const weights = randomParameters(graph, seed);
  for (const [name, values] of weights) {
    const node = graph.nodes.find((candidate) => name.startsWith(`${candidate.name}/`));
    if (node?.op === "batchNorm" && name.endsWith("/gamma")) {
      weights.set(
        name,
        values.map((v) => [v, v, v, v, -v, -v, -v, 0, -0, 1e3 * v, -1e3 * v, 1e-20 * v][stream.below(12)] as number),
      );
    }
    if (node?.op === "batchNorm" && name.endsWith("/beta")) {
      weights.set(
        name,
        values.map((v) => [v, v, v, 0, -0, 20 * v][stream.below(6)] as number),
      );
    }
    // Whole numbers, so that a sum of signs lands on the threshold, and slopes that do not bend or turn around.
    if (node?.op === "shift") {
      weights.set(
        name,
        values.map((v) => [v, v, 0, -0, Math.round(3 * v)][stream.below(5)] as number),
      );
    }
    if (node?.op === "prelu") {
      weights.set(
        name,
        values.map((v) => [v, v, 0, -0, 1, -1][stream.below(6)] as number),
      );
    }
    // Sums of +-1 are whole numbers: a whole mean puts some of them exactly on the threshold.
    if (name.endsWith("/movingMean"))
      weights.set(
        name,
        values.map((v) => (stream.below(3) === 0 ? Math.round(3 * v) : v / 4)),
      );
  }
  return weights;
}
