/**
 * A step of training in f64: the gradients of `network.ts`, then the optimizer, the clipping of latent weights and the
 * running statistics, each from its definition.
 */
import type { Graph } from "../../ts/nn/graph.ts";
import { networkOf } from "../../ts/nn/network.ts";
import { parametersOf } from "../../ts/nn/parameters.ts";
import { forwardValue, splitParameters } from "../../ts/quantizers/maps.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import type {
  Bop,
  Bop2,
  Lion,
  Optimizer,
  ParameterOptimizer,
  RealOptimizer,
} from "../../ts/train/optimizers/optimizers.ts";
import { along, bestSigns } from "./directions.ts";
import { at, type Margin, note, type Value } from "./layers.ts";
import { type Result, runNetwork, type Weights } from "./network.ts";
import { oracleOpOf } from "./ops/index.ts";
import type { Pass } from "./ops/op.ts";

export { runningStatistics } from "./ops/batch-norm.ts";

export interface State {
  readonly weights: Weights;
  /** Momentum, or first and second moment, by parameter. */
  readonly slots: ReadonlyMap<string, readonly [Float64Array, Float64Array]>;
  /** Updates made so far. */
  readonly updates: number;
}

export const startFrom = (weights: ReadonlyMap<string, ArrayLike<number>>): State => ({
  weights: new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)])),
  slots: new Map(),
  updates: 0,
});

/** The optimizer of the parameter `name`: the first of two is for latent weights. */
function optimizerOf(graph: Graph, optimizer: Optimizer, name: string): ParameterOptimizer {
  if (optimizer.kind !== "case") return optimizer;
  const latent = parametersOf(graph).some((parameter) => parameter.name === name && parameter.role === "latent");
  return latent ? optimizer.binary : optimizer.rest;
}

/** Weights as an optimizer starts with them: Bop's are the signs of what is given. */
export function startingWeights(
  graph: Graph,
  optimizer: Optimizer,
  weights: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  return new Map(
    [...weights].map(([name, values]) => {
      const { kind } = optimizerOf(graph, optimizer, name);
      const signed = (kind === "bop" || kind === "bop2") && !name.includes("/moving");
      return [name, signed ? values.map((value) => (value < 0 ? -1 : 1)) : values];
    }),
  );
}

/** The images of a step, and their classes. */
interface Batch {
  readonly images: Value;
  readonly labels: ArrayLike<number>;
}

/** One step over one batch at `progress`; `result` is what the forward and backward passes gave. */
export function trainStep(
  graph: Graph,
  optimizer: Optimizer,
  state: State,
  { images, labels }: Batch,
  {
    progress,
    seed = 0,
    smoothing = 0,
    least,
  }: {
    readonly progress: number;
    readonly seed?: number;
    readonly smoothing?: number | undefined;
    readonly least?: number;
  },
): { readonly state: State; readonly result: Result } {
  const weights = new Map(state.weights);
  const slots = new Map(state.slots);
  const updates = state.updates + 1;
  const moment = { progress, update: updates, seed };
  const result = runNetwork(graph, state.weights, images, labels, "train", { ...moment, smoothing, least });
  const margin: Margin = { smallest: result.margin, least };
  const pass: Pass = { phase: "train", ...moment, soft: true, margin };
  const frozen = new Set(parametersOf(graph).flatMap((parameter) => (parameter.frozen ? [parameter.name] : [])));
  for (const [name, gradient] of result.gradients) {
    if (frozen.has(name)) continue;
    const old = restarted(graph, name, state.weights.get(name) as Float64Array, progress);
    const blank = (): Float64Array => new Float64Array(old.length);
    const own = optimizerOf(graph, optimizer, name);
    const kept = state.slots.get(name) ?? ([blank(), blank()] as const);
    const moved =
      own.kind === "bop" || own.kind === "bop2"
        ? flip(own, old, gradient, kept, updates, pass)
        : own.kind === "qpsbgd"
          ? { weights: along(own, old, bestSigns(graph, name, result, margin), progress), slots: kept }
          : update(own, name, old, gradient, kept, updates, progress);
    const limit = clipOf(graph, name);
    weights.set(name, limit === 0 ? moved.weights : moved.weights.map((w) => Math.max(-limit, Math.min(limit, w))));
    slots.set(name, moved.slots);
  }
  for (const node of graph.nodes) {
    const moments = result.moments.get(node.name);
    if (moments === undefined) continue;
    const parameter = (key: string): Float64Array => state.weights.get(`${node.name}/${key}`) as Float64Array;
    const running = oracleOpOf(node.op).statistics?.({ node, parameter, pass }, moments) ?? {};
    for (const [key, values] of Object.entries(running)) weights.set(`${node.name}/${key}`, values);
  }
  return { state: { weights, slots, updates }, result: { ...result, margin: margin.smallest } };
}

/** Left out of weight decay: a parameter by its name, its layer's or its key's. */
const decays = (optimizer: RealOptimizer, name: string): boolean =>
  !(optimizer.noDecay ?? []).some((entry) => [name, ...name.split("/")].includes(entry));

/** SGD in PyTorch's form; Adam (Kingma and Ba, algorithm 1), with decoupled decay AdamW (Loshchilov and Hutter). */
function update(
  optimizer: RealOptimizer,
  name: string,
  weights: Float64Array,
  gradient: Float64Array,
  [first, second]: readonly [Float64Array, Float64Array],
  step: number,
  progress: number,
): { readonly weights: Float64Array; readonly slots: readonly [Float64Array, Float64Array] } {
  const rate = evaluateSchedule(optimizer.learningRate, progress);
  const isOver = progress >= (optimizer.decayUntil ?? Number.POSITIVE_INFINITY);
  const decay = decays(optimizer, name) && !isOver ? optimizer.weightDecay : 0;
  if (optimizer.kind === "lion") return lion(optimizer, rate, decay, weights, gradient, first, second);
  const coupled = optimizer.kind !== "adam" || !optimizer.decoupled;
  const g = gradient.map((value, i) => value + (coupled ? decay * (weights[i] as number) : 0));
  if (optimizer.kind === "sgd") {
    const velocity = first.map((v, i) => optimizer.momentum * v + (g[i] as number));
    const direction = velocity.map((v, i) => (optimizer.nesterov ? (g[i] as number) + optimizer.momentum * v : v));
    return { weights: weights.map((w, i) => w - rate * (direction[i] as number)), slots: [velocity, second] };
  }
  if (optimizer.kind === "rmsprop") {
    const v = first.map((value, i) => optimizer.rho * value + (1 - optimizer.rho) * (g[i] as number) ** 2);
    const step = g.map((value, i) => value / (Math.sqrt(v[i] as number) + optimizer.epsilon));
    const b = optimizer.momentum === 0 ? second : second.map((value, i) => optimizer.momentum * value + at(step, i));
    const direction = optimizer.momentum === 0 ? step : b;
    return { weights: weights.map((w, i) => w - rate * at(direction, i)), slots: [v, b] };
  }
  const { beta1, beta2, epsilon } = optimizer;
  const m = first.map((value, i) => beta1 * value + (1 - beta1) * (g[i] as number));
  const v = second.map((value, i) => beta2 * value + (1 - beta2) * (g[i] as number) ** 2);
  const moved = weights.map((w, i) => {
    const [mean, square] = [(m[i] as number) / (1 - beta1 ** step), (v[i] as number) / (1 - beta2 ** step)];
    return w - (coupled ? 0 : rate * decay * w) - (rate * mean) / (Math.sqrt(square) + epsilon);
  });
  return { weights: moved, slots: [m, v] };
}

/** Lion (Chen et al., algorithm 2), whose decay is decoupled. */
function lion(
  { beta1, beta2 }: Lion,
  rate: number,
  decay: number,
  weights: Float64Array,
  gradient: Float64Array,
  mean: Float64Array,
  unused: Float64Array,
): { readonly weights: Float64Array; readonly slots: readonly [Float64Array, Float64Array] } {
  const moved = weights.map((w, i) => {
    const direction = Math.sign(beta1 * at(mean, i) + (1 - beta1) * at(gradient, i));
    return w - rate * (direction + decay * w);
  });
  return { weights: moved, slots: [mean.map((m, i) => beta2 * m + (1 - beta2) * at(gradient, i)), unused] };
}

/**
 * Bop (Helwegen et al., algorithm 1): flip where w m > tau. Its second order (Suarez-Ramirez et al.) takes m over the root of
 * the mean square, both divided by 1 - (1 - rate)^t in the unbiased form. `margin` learns how close a score came to tau.
 */
function flip(
  optimizer: Bop | Bop2,
  weights: Float64Array,
  gradient: Float64Array,
  [first, second]: readonly [Float64Array, Float64Array],
  step: number,
  { progress, margin }: Pass,
): { readonly weights: Float64Array; readonly slots: readonly [Float64Array, Float64Array] } {
  const gamma = evaluateSchedule(optimizer.gamma, progress);
  const tau = evaluateSchedule(optimizer.threshold, progress);
  const m = first.map((value, i) => (1 - gamma) * value + gamma * (gradient[i] as number));
  let v = second;
  let scores = m;
  if (optimizer.kind === "bop2") {
    const { sigma, epsilon, unbiased } = optimizer;
    v = second.map((value, i) => (1 - sigma) * value + sigma * (gradient[i] as number) ** 2);
    const [ofM, ofV] = unbiased ? [1 - (1 - gamma) ** step, 1 - (1 - sigma) ** step] : [1, 1];
    scores = m.map((value, i) => value / ofM / (Math.sqrt((v[i] as number) / ofV) + epsilon));
  }
  const moved = weights.map((w, i) => {
    const along = w * (scores[i] as number);
    note(margin, along, tau);
    return along > tau ? -w : w;
  });
  return { weights: moved, slots: [m, v] };
}

/** The quantizer of latent weights, or null. */
const quantizerOf = (graph: Graph, name: string): Quantizer | null => networkOf(graph).quantizers.get(name) ?? null;

/** The bound that a quantizer puts on its latent weights; 0 for none. */
const clipOf = (graph: Graph, name: string): number => quantizerOf(graph, name)?.clipLatent ?? 0;

/** The weights that a step goes on from: ProxQuant's and reverse ProxConnect's are not those it began with. */
function restarted(graph: Graph, name: string, weights: Float64Array, progress: number): Float64Array {
  const quantizer = quantizerOf(graph, name);
  if (quantizer === null || quantizer.restart === "identity") return weights;
  const parameters = quantizer.parameters.map((schedule) => evaluateSchedule(schedule, progress));
  const [, shared] = splitParameters(quantizer.proximal, parameters);
  return weights.map((w) => forwardValue(quantizer.restart, w, shared));
}
