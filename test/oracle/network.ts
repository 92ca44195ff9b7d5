/**
 * A whole network in f64: the forward pass of any graph, its loss, and the gradient at every parameter, node after node.
 *
 * The maps of quantizers are the definitions in `ts/quantizers/maps.ts`; nothing else is shared with what is being tested.
 */
import type { Graph, GraphNode, OpName } from "../../ts/nn/graph.ts";
import { parameterName } from "../../ts/nn/network.ts";
import { at, crossEntropy, type Margin, type Moments, type Value, zeros } from "./layers.ts";
import { oracleOpOf } from "./ops/index.ts";
import type { Applied, Pass, Phase } from "./ops/op.ts";

export type Weights = ReadonlyMap<string, Float64Array>;

export interface Result {
  readonly values: ReadonlyMap<string, Value>;
  readonly loss: number;
  readonly predictions: readonly number[];
  /** By parameter name; not for `evaluate`. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
  /** The gradients at the values of nodes; none for `evaluate`. */
  readonly gradientsAt: ReadonlyMap<string, Value>;
  /** The moments of each batch norm, by the node's name. */
  readonly moments: ReadonlyMap<string, Moments>;
  /** The distance of the pass from a jump, see `layers.ts`. */
  readonly margin: number;
}

interface Moment {
  /** Share of the run that is done, in [0, 1]; 0 where absent. */
  readonly progress?: number;
  /** The number of the update, from 1, and the seed of the run's random numbers; 0 where absent. */
  readonly update?: number;
  readonly seed?: number;
  /** The share of a label that all classes share; 0 where absent. */
  readonly smoothing?: number;
  /** True where quantizers stand as `progress` says, as they do in training; else they are hard. */
  readonly soft?: boolean;
  /** See `Margin` in `layers.ts`. */
  readonly least?: number | undefined;
}

/** Runs `graph` forward and, but for an evaluation, back over one batch. */
export function runNetwork(
  graph: Graph,
  weights: Weights,
  images: Value,
  labels: ArrayLike<number>,
  phase: Phase,
  { progress = 0, update = 0, seed = 0, smoothing = 0, soft = phase === "train", least }: Moment = {},
): Result {
  const margin: Margin = { smallest: Number.POSITIVE_INFINITY, least };
  const pass: Pass = { phase, progress, update, seed, soft, margin };
  const values = new Map<string, Value>();
  const moments = new Map<string, Moments>();
  const gradients = new Map<string, Float64Array>();
  const gradientAt = new Map<string, Value>();
  const value = (name: string): Value => values.get(name) as Value;

  const applied = (node: GraphNode): Applied<OpName> => {
    const inputs: readonly Value[] = node.inputs.length === 0 ? [images] : node.inputs.map(value);
    const parameter = (key: string): Float64Array => weights.get(parameterName(node, key)) as Float64Array;
    return { node, inputs: inputs as Applied<OpName>["inputs"], parameter, pass };
  };

  const forward = (node: GraphNode): void => {
    const [operation, given] = [oracleOpOf(node.op), applied(node)];
    const own = operation.moments?.(given);
    if (own !== undefined) moments.set(node.name, own);
    values.set(node.name, operation.forward(given));
  };

  /** Adds `data` to the gradient at the value of `name`. */
  const send = (name: string, data: Float64Array): void => {
    const there = gradientAt.get(name) ?? zeros(value(name).images, value(name).shape);
    gradientAt.set(name, { ...there, data: there.data.map((gradient, i) => gradient + (data[i] as number)) });
  };

  const backward = (node: GraphNode, dy: Value): void => {
    const found = oracleOpOf(node.op).backward(applied(node), dy);
    for (const [key, gradient] of Object.entries(found.parameters)) {
      const name = parameterName(node, key);
      const there = gradients.get(name);
      gradients.set(name, there === undefined ? gradient : gradient.map((share, i) => share + at(there, i)));
    }
    for (const [place, name] of node.inputs.entries()) send(name, found.inputs[place] as Float64Array);
  };

  for (const node of graph.nodes) forward(node);
  const { loss, gradient, predictions } = crossEntropy(value(graph.output), labels, margin, smoothing);
  if (phase !== "evaluate") {
    gradientAt.set(graph.output, gradient);
    for (const node of graph.nodes.toReversed()) {
      const dy = gradientAt.get(node.name);
      if (dy !== undefined) backward(node, dy);
    }
  }
  return { values, loss, predictions, gradients, gradientsAt: gradientAt, moments, margin: margin.smallest };
}
