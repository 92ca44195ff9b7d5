/**
 * The trainer beside the oracle: the same steps from the same weights on the same images, and what must be equal after
 * each of them.
 */
import { expect } from "vitest";
import type { Dataset, Split } from "../../ts/data/dataset.ts";
import { type Graph, parametersOf, shuffle } from "../../ts/nn/index.ts";
import { randomParameters } from "../../ts/reference/random.ts";
import type { Pool } from "../../ts/runtime/pool.ts";
import { type Optimizer, optimizers } from "../../ts/train/optimizers/optimizers.ts";
import type { Products } from "../../ts/train/plan/context.ts";
import { createEngine } from "../../ts/train/run/engine.ts";
import { evaluate } from "../../ts/train/run/evaluate.ts";
import { fitNetwork, newState } from "../../ts/train/run/fit.ts";
import { readWeights, writeWeights } from "../../ts/train/run/trained-weights.ts";
import { expectClose, inputOf, longestSum, randomDataset } from "./compare.ts";
import { tooNear } from "./layers.ts";
import { runNetwork } from "./network.ts";
import { type State, startFrom, startingWeights, trainStep } from "./training.ts";

const MARGIN = 2 ** -17;
/** The seed of a run's random numbers. */
const SEED = 1;
/** The update is minus the gradient. */
export const gradientAsUpdate = optimizers.sgd({ learningRate: 1 });

export interface Case {
  readonly graph: Graph;
  readonly optimizer?: Optimizer;
  readonly images?: number;
  /** Steps that are compared, of `of` steps that the schedules run over. */
  readonly steps?: number;
  readonly of?: number;
  readonly products?: Products;
  readonly labelSmoothing?: number;
  /** Multiplies the tolerance of updates: Adam divides by a small number. */
  readonly amplification?: number;
}

export interface Step {
  readonly loss: number;
  readonly accuracy: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

const inputShapeOf = (graph: Graph): readonly [number, number, number] => {
  const node = graph.nodes[0];
  if (node?.op !== "input") throw new Error("the first node is no input");
  const [height = 0, width = 0, channels = 0] = node.attributes.shape;
  return [height, width, channels];
};
const classesOf = (graph: Graph): number => parametersOf(graph).at(-1)?.shape.at(-1) as number;

/** Every epoch is one step over all images, so that the weights can be read between any two steps. */
export async function trained(
  pool: Pool,
  { graph, optimizer = gradientAsUpdate, steps = 1, of = steps + 1, products = "auto", labelSmoothing }: Case,
  data: Dataset,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<{ steps: Step[]; evaluation: Awaited<ReturnType<typeof evaluate>> }> {
  const engine = await createEngine(graph, optimizer, pool, { products });
  await writeWeights(engine, weights);
  const before = await evaluate(engine, data.test, { batchSize: data.train.count });
  const state = newState(SEED);
  const seen: Step[] = [];
  const batchSize = data.train.count;
  const options = { epochs: of, batchSize, validate: false, labelSmoothing };
  const run = fitNetwork(engine, optimizer, state, data, options);
  for await (const event of run) {
    if (event.type !== "step") continue;
    seen.push({ loss: event.loss, accuracy: event.accuracy, weights: await readWeights(engine) });
    if (seen.length === steps) break;
  }
  return { steps: seen, evaluation: before };
}

/** The images of an epoch in the order in which the trainer takes them, and their classes. */
function shuffled({ labels, ...split }: Split, epoch: number) {
  const order = shuffle(split.count, SEED, epoch);
  const size = split.images.length / split.count;
  const images = Uint8Array.from(split.images, (_, i) => {
    return split.images[(order[Math.floor(i / size)] as number) * size + (i % size)] as number;
  });
  return {
    images: inputOf({ ...split, labels, images }),
    labels: Uint8Array.from(order, (image) => labels[image] as number),
  };
}

/** The oracle's numbers for the data of `seed`; throws `tooNear` where they do not keep the margin. */
function told(given: Case, seed: number) {
  const { graph, optimizer = gradientAsUpdate, images = 10, steps = 1, of = steps + 1, labelSmoothing } = given;
  const data = randomDataset(seed, [images, images - 3], inputShapeOf(graph), classesOf(graph));
  const weights = startingWeights(graph, optimizer, randomParameters(graph, seed));
  const start = startFrom(weights);
  const [least, { labels }] = [MARGIN, data.test];
  const tested = runNetwork(graph, start.weights, inputOf(data.test), labels, "evaluate", { least });
  const states: State[] = [start];
  const wanted = Array.from({ length: steps }, (_, i) => {
    const batch = shuffled(data.train, i);
    const moment = { progress: i / of, seed: SEED, smoothing: labelSmoothing, least };
    const step = trainStep(graph, optimizer, states[i] as State, batch, moment);
    states.push(step.state);
    return { ...step, labels: batch.labels };
  });
  return { data, weights, wanted, tested };
}

/** The first data for which the oracle keeps its margin. */
function prepare(given: Case): ReturnType<typeof told> {
  for (let seed = 1; seed <= 60; seed++) {
    try {
      return told(given, seed);
    } catch (cause) {
      if (cause !== tooNear) throw cause;
    }
  }
  throw new Error("no data keep the margin");
}

export async function expectOracle(pool: Pool, given: Case): Promise<void> {
  const { graph, images = 10, steps = 1, amplification = 1 } = given;
  const { data, weights, wanted, tested } = prepare(given);
  const result = await trained(pool, given, data, weights);
  const terms = longestSum(graph, images);

  expect(result.evaluation.loss).toBeCloseTo(tested.loss, 4);
  expect([...result.evaluation.predictions]).toEqual(tested.predictions);
  const right = tested.predictions.filter((k, i) => k === data.test.labels[i]).length;
  expect(result.evaluation.accuracy).toBe(right / data.test.count);

  expect(result.steps).toHaveLength(steps);
  let before = weights;
  for (const [i, { state, result: oracle, labels }] of wanted.entries()) {
    const step = result.steps[i] as Step;
    // A step begins with the weights that the one before left, rounding errors and all.
    const carried = terms * amplification * (i + 1);
    expectClose([step.loss], [oracle.loss], terms * (i + 1), `loss of step ${i + 1}`);
    const correct = oracle.predictions.filter((k, image) => k === labels[image]).length;
    expect(step.accuracy).toBe(correct / images);
    for (const { name, role } of parametersOf(graph)) {
      const target = state.weights.get(name) as Float64Array;
      const now = step.weights.get(name) as Float32Array;
      const largest = target.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
      if (role === "kept") {
        expect(now, name).toEqual(before.get(name));
        continue;
      }
      if (role === "statistic") {
        expectClose(now, target, terms * (i + 1), `${name} after step ${i + 1}`);
        continue;
      }
      const start = (i === 0 ? startFrom(weights) : (wanted[i - 1] as { state: State }).state).weights.get(
        name,
      ) as Float64Array;
      const updateWanted = target.map((w, k) => w - (start[k] as number));
      const update = Float64Array.from(now, (w, k) => w - ((before.get(name) as Float32Array)[k] as number));
      expect(Math.max(...updateWanted.map(Math.abs)), `the update of ${name}`).toBeGreaterThan(1e-5);
      expectClose(update, updateWanted, carried, `update of ${name} in step ${i + 1}`, largest);
      expectClose(now, target, carried, `${name} after step ${i + 1}`, largest);
    }
    before = step.weights as Map<string, Float32Array>;
  }
}
