/**
 * QP-SBGD with a solver outside, such as a quantum annealer. In every step the batch goes forward and back in the core. Then
 * each neuron of each layer that `qpsbgd` trains is handed over as a QUBO, and the vector that comes back moves its weights.
 *
 * It is slow: a step waits for its solver as often as there are neurons, and copies all values of the network.
 */
import { integerIn, plainObject, reject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { type Dataset, type Examples, isStream, type Split } from "../data/dataset.ts";
import { picked } from "../data/subset.ts";
import type { Graph, GraphNode } from "../nn/graph.ts";
import { networkOf } from "../nn/network.ts";
import { isAlias } from "../nn/nodes.ts";
import { shuffle } from "../nn/random.ts";
import { validateGraph } from "../nn/validate.ts";
import { evaluateSchedule } from "../quantizers/schedule.ts";
import {
  caseOptimizer,
  checkOptimizer,
  optimizers,
  type QpSbgd,
  type RealOptimizer,
} from "../train/optimizers/optimizers.ts";
import { checkBatch } from "../train/run/check-batch.ts";
import { checkData } from "../train/run/check-data.ts";
import type { Engine } from "../train/run/engine.ts";
import { estimateStatistics, evaluate } from "../train/run/evaluate.ts";
import type { Evaluation } from "../train/run/events.ts";
import { type Observation, observeStep } from "../train/run/observe.ts";
import { startEngine } from "../train/run/start-engine.ts";
import { initialize, pack, writeWeights } from "../train/run/trained-weights.ts";
import { type QuboSolver, quboOf, signsOf } from "./qubo.ts";

export interface QuboFitOptions {
  /** Takes a problem and gives the bits that it finds best. */
  readonly solve: QuboSolver;
  readonly epochs: number;
  /** 64 where absent. */
  readonly batchSize?: number | undefined;
  /** The rule of the binary weights, whose `sweeps` nobody reads; `optimizers.qpsbgd()` where absent. */
  readonly binary?: QpSbgd | undefined;
  /** The optimizer of all others; `optimizers.adam()` where absent. */
  readonly rest?: RealOptimizer | undefined;
  /** 0 where absent. */
  readonly seed?: number | undefined;
}

export interface QuboFit {
  /** The mean loss of each epoch's steps. */
  readonly losses: readonly number[];
  /** The result on the test examples. */
  readonly validation: Evaluation;
  /** The packed file. */
  readonly file: Uint8Array;
}

const keys = ["solve", "epochs", "batchSize", "binary", "rest", "seed"] as const;

/**
 * Trains `graph` on `data`. A neuron that no example of a batch asks anything of keeps its weights.
 *
 * @throws ProxbitError `argument` for options, or layers, that do not suit QP-SBGD; `argument`, `data` and `shape` for data that does
 * not suit the network. All are thrown before the first step.
 */
export async function fitByQubo(graph: Graph, data: Dataset<Split>, options: QuboFitOptions): Promise<QuboFit> {
  const subject: Subject = { code: "argument", what: "fitByQubo" };
  const given = plainObject(options, keys, subject) as unknown as QuboFitOptions;
  const { solve, rest = optimizers.adam() } = given;
  if (typeof solve !== "function") reject(subject, "solve", "a function of a QUBO", solve);
  const binary = checkOptimizer(given.binary ?? optimizers.qpsbgd());
  if (binary.kind !== "qpsbgd") reject(subject, "binary", "optimizers.qpsbgd()", binary.kind);
  const epochs = integerIn(given.epochs, 1, 1e6, "epochs", subject);
  const seed = integerIn(given.seed ?? 0, 0, 0xffffffff, "seed", subject);
  const valid = validateGraph(graph);
  const own = caseOptimizer({ binary: { ...binary, sweeps: 0 }, rest });
  const { pool, engine } = await startEngine(valid, own, { workers: 1 }, { observed: true });
  try {
    const { train, test, classes } = inMemory(checkData(engine, data, true));
    const batchSize = integerIn(given.batchSize ?? Math.min(64, train.count), 1, train.count, "batchSize", subject);
    checkBatch(engine, batchSize);
    await initialize(engine, seed);
    const steps = Math.floor(train.count / batchSize);
    const losses: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = shuffle(train.count, seed, epoch);
      let loss = 0;
      for (let step = 0; step < steps; step++) {
        const batch = picked(train, order.subarray(step * batchSize, (step + 1) * batchSize));
        const update = epoch * steps + step + 1;
        const moment = { progress: (update - 1) / (epochs * steps), update, seed };
        const seen = await observeStep(engine, batch, batchSize, moment);
        loss += seen.loss / steps;
        await writeWeights(engine, await moved(engine, seen, binary, solve));
      }
      losses.push(loss);
    }
    await estimateStatistics(engine, seed, train, { batchSize });
    const validation = await evaluate(engine, test, {});
    return { losses, validation, file: await pack(engine, { classes: JSON.stringify(classes) }) };
  } finally {
    pool.close();
  }
}

/** @throws ProxbitError `argument` for streams, of which batches are picked here and there */
function inMemory(data: Dataset<Examples>): Dataset<Split> {
  const { train, test } = data;
  if (!isStream(train) && !isStream(test)) return { ...data, train, test };
  throw new ProxbitError(
    "argument",
    "fitByQubo takes examples in memory, and the data set has a stream",
    "Give splits, as split() of proxbit/data makes them.",
  );
}

/** The node whose value the layer called `layer` reads, perhaps under another shape. */
function sourceOf(nodes: ReadonlyMap<string, GraphNode>, layer: string): string {
  const [input = ""] = (nodes.get(layer) as GraphNode).inputs;
  const source = nodes.get(input) as GraphNode;
  return isAlias(source) ? sourceOf(nodes, input) : input;
}

/** The kernels that the step would have moved by the core's search, moved by that of `solve`. */
async function moved(
  { graph }: Engine,
  seen: Observation,
  binary: QpSbgd,
  solve: QuboSolver,
): Promise<Map<string, Float32Array>> {
  const { parameters, nodes, quantizers } = networkOf(graph);
  const rate = evaluateSchedule(binary.learningRate, seen.progress);
  const found = new Map<string, Float32Array>();
  for (const { name, node, role, frozen, shape } of parameters) {
    if (role !== "latent" || frozen === true) continue;
    const [inputs = 0, outputs = 0] = shape;
    const x = seen.values.get(sourceOf(nodes, node)) as Float32Array;
    const dy = seen.gradients.get(node) as Float32Array;
    const kernel = Float32Array.from(seen.before.parameters.get(name) as Float32Array);
    const bound = quantizers.get(name)?.clipLatent || Number.POSITIVE_INFINITY;
    // Over tokens an image has several rows.
    const rows = dy.length / outputs;
    for (let neuron = 0; neuron < outputs; neuron++) {
      const y = Float64Array.from({ length: rows }, (_, row) => -(dy[row * outputs + neuron] as number));
      // All signs are as good then, so the weights stay.
      if (y.every((wanted) => wanted === 0)) continue;
      const signs = signsOf(await solve(quboOf(x, y)), inputs);
      for (const [i, sign] of signs.entries()) {
        const at = i * outputs + neuron;
        const weight = Math.fround((kernel[at] as number) + rate * sign);
        const projected = weight >= 0 ? 1 : -1;
        kernel[at] = binary.projected ? projected : Math.max(-bound, Math.min(bound, weight));
      }
    }
    found.set(name, kernel);
  }
  return found;
}
