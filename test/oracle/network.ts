/**
 * A whole network in f64: the forward pass of any graph, its loss, and the gradient at every parameter, node after node.
 *
 * At a quantizer site the forward pass uses F(x) and the way back multiplies the gradient that arrives by B(x) (PC++). F
 * and B are the definitions in `ts/quantizers/maps.ts`; nothing else is shared with what is being tested. An accumulator of
 * 8 bits acts where both operands are signs, and the way back takes no notice of it.
 */
import type { ActivationName, Graph, GraphNode } from "../../ts/nn/graph.ts";
import { functions } from "../../ts/quantizers/functions.ts";
import { backwardValue, forwardValue, quantizedValue, slopeValue } from "../../ts/quantizers/maps.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { evaluateSchedule } from "../../ts/quantizers/schedule.ts";
import {
  accumulate,
  adaptiveSign,
  adaptiveSignBackward,
  avgPool,
  avgPoolBackward,
  channelSums,
  convolve,
  convolveBackward,
  crossEntropy,
  type Margin,
  type Moments,
  maxPool,
  maxPoolBackward,
  momentsOf,
  multiply,
  multiplyBackward,
  normalise,
  normaliseBackward,
  note,
  prelu,
  preluBackward,
  shift,
  sizeOf,
  type Value,
  zeros,
} from "./layers.ts";
import { noteLevels, type WeightsInUse, weightsInUse } from "./weights.ts";

/** Where the slope of an elementwise function jumps. */
const jumps: Readonly<Partial<Record<ActivationName, readonly number[]>>> = {
  relu: [0],
  hardTanh: [-1, 1],
  relu6: [0, 6],
};

export type Weights = ReadonlyMap<string, Float64Array>;

/**
 * `train`: soft quantizers as `progress` says, batch statistics. `estimate`: hard, batch statistics. `evaluate`: hard,
 * running statistics.
 */
export type Phase = "train" | "estimate" | "evaluate";

export interface Result {
  readonly values: ReadonlyMap<string, Value>;
  readonly loss: number;
  readonly predictions: readonly number[];
  /** By parameter name; not for `evaluate`. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
  /** Of each batch norm's input, by the node's name. */
  readonly moments: ReadonlyMap<string, Moments>;
  /** How close the pass came to a jump, see `layers.ts`. */
  readonly margin: number;
}

/**
 * Runs `graph` forward and back over one batch; `progress` in [0, 1] is the share of the run that is done. `soft`: quantizers
 * stand as `progress` says, in whatever phase.
 */
export function runNetwork(
  graph: Graph,
  weights: Weights,
  images: Value,
  labels: ArrayLike<number>,
  phase: Phase,
  progress = 0,
  smoothing = 0,
  soft = phase === "train",
): Result {
  const margin: Margin = { smallest: Number.POSITIVE_INFINITY };
  const values = new Map<string, Value>();
  const moments = new Map<string, Moments>();
  const places = new Map<string, Int32Array>();
  const gradients = new Map<string, Float64Array>();
  const gradientAt = new Map<string, Value>();
  const value = (name: string): Value => values.get(name) as Value;
  const weight = (name: string): Float64Array => weights.get(name) as Float64Array;

  const settings = (quantizer: Quantizer): number[] => quantizer.parameters.map((s) => evaluateSchedule(s, progress));
  const forwardMap = (quantizer: Quantizer): Quantizer["forward"] => {
    const hard = !soft || (quantizer.hardenAt < 1 && progress >= quantizer.hardenAt);
    return hard && quantizer.hard === "sign" ? "sign" : quantizer.forward;
  };
  const weightsOf = (quantizer: Quantizer | null, latent: Float64Array, filters: number): WeightsInUse => {
    if (quantizer === null) return { kernel: latent, scale: null, back: (gradient) => gradient };
    const moment = { quantizer, forward: forwardMap(quantizer), parameters: settings(quantizer) };
    return weightsInUse(moment, latent, filters, margin);
  };
  /** `data` times the scale of each filter. */
  const scaled = (scale: Float64Array | null, data: Float64Array): Float64Array =>
    scale === null ? data : data.map((value, i) => value * (scale[i % scale.length] as number));
  const quantize = (quantizer: Quantizer | null, data: Float64Array): Float64Array => {
    if (quantizer === null) return data;
    const maps = { ...quantizer, forward: forwardMap(quantizer), parameters: settings(quantizer) };
    for (const x of data) {
      if (maps.forward === "sign") note(margin, x, 0);
      noteLevels(margin, maps.forward, x, maps.parameters);
      if (quantizer.backward === "box") note(margin, Math.abs(x), 1);
    }
    return data.map((x) => quantizedValue(maps, x));
  };
  const throughQuantizer = (quantizer: Quantizer | null, data: Float64Array, dy: Float64Array): Float64Array => {
    if (quantizer === null) return dy;
    const maps = { ...quantizer, parameters: settings(quantizer) };
    return dy.map((gradient, i) => gradient * slopeValue(maps, data[i] as number));
  };

  const forward = (node: GraphNode): Value => {
    if (node.op === "input") return images;
    const x = value(node.inputs[0]);
    switch (node.op) {
      case "conv2d":
      case "dense": {
        const { weightQuantizer, activationQuantizer, accumulator, useBias } = node.attributes;
        const filters = node.op === "conv2d" ? node.attributes.filters : node.attributes.units;
        const { kernel, scale } = weightsOf(weightQuantizer, weight(`${node.name}/kernel`), filters);
        const input = { ...x, data: quantize(activationQuantizer, x.data) };
        const exact = (): Value =>
          node.op === "conv2d" ? convolve(node, input, kernel) : multiply(input, kernel, filters);
        const isSigned = [weightQuantizer, activationQuantizer].every((q) => q !== null && forwardMap(q) === "sign");
        const sums = accumulator !== null && isSigned ? accumulate(node, input, kernel, accumulator) : exact();
        const y = { ...sums, data: scaled(scale, sums.data) };
        if (!useBias) return y;
        const bias = weight(`${node.name}/bias`);
        return { ...y, data: y.data.map((sum, i) => sum + (bias[i % bias.length] as number)) };
      }
      case "batchNorm": {
        const [mean, variance] = [weight(`${node.name}/movingMean`), weight(`${node.name}/movingVariance`)];
        const used = phase === "evaluate" ? { mean, variance, count: 0 } : momentsOf(x);
        moments.set(node.name, used);
        return normalise(x, used, weight(`${node.name}/gamma`), weight(`${node.name}/beta`), node.attributes.epsilon);
      }
      case "maxPool2d": {
        const pooled = maxPool(node, x, margin);
        places.set(node.name, pooled.places);
        return pooled.y;
      }
      case "avgPool2d":
      case "globalAvgPool2d":
        return avgPool(node, x);
      case "activation": {
        const { activation } = node.attributes;
        for (const element of x.data) for (const jump of jumps[activation] ?? []) note(margin, element, jump);
        const { forward: map, parameters } = functions[activation];
        return { ...x, data: x.data.map((element) => forwardValue(map, element, parameters)) };
      }
      case "shift":
        return shift(x, weight(`${node.name}/beta`));
      case "prelu":
        return prelu(x, weight(`${node.name}/alpha`), margin);
      case "adaptiveSign":
        return adaptiveSign(x, weight(`${node.name}/alpha`), weight(`${node.name}/beta`), margin);
      case "flatten":
        return { ...x, shape: [sizeOf(x.shape)] };
      case "add": {
        const other = value(node.inputs[1]);
        return { ...x, data: x.data.map((element, i) => element + (other.data[i] as number)) };
      }
    }
  };

  /** Adds `data` to the gradient at the value of `name`. */
  const send = (name: string, data: Float64Array): void => {
    const there = gradientAt.get(name) ?? zeros(value(name).images, value(name).shape);
    gradientAt.set(name, { ...there, data: there.data.map((gradient, i) => gradient + (data[i] as number)) });
  };

  const backward = (node: GraphNode, dy: Value): void => {
    if (node.op === "input") return;
    const x = value(node.inputs[0]);
    switch (node.op) {
      case "conv2d":
      case "dense": {
        const { weightQuantizer, activationQuantizer, useBias } = node.attributes;
        const latent = weight(`${node.name}/kernel`);
        const { kernel, scale, back } = weightsOf(weightQuantizer, latent, dy.shape.at(-1) as number);
        const input = { ...x, data: quantize(activationQuantizer, x.data) };
        const dsums = { ...dy, data: scaled(scale, dy.data) };
        const { dx, dkernel } =
          node.op === "conv2d" ? convolveBackward(node, input, kernel, dsums) : multiplyBackward(input, kernel, dsums);
        gradients.set(`${node.name}/kernel`, back(dkernel));
        if (useBias) gradients.set(`${node.name}/bias`, channelSums(dy.data, dy.shape.at(-1) as number));
        send(node.inputs[0], throughQuantizer(activationQuantizer, x.data, dx.data));
        return;
      }
      case "batchNorm": {
        const own = moments.get(node.name) as Moments;
        const gamma = weight(`${node.name}/gamma`);
        const { dx, dgamma, dbeta } = normaliseBackward(x, own, gamma, node.attributes.epsilon, dy);
        gradients.set(`${node.name}/gamma`, dgamma);
        gradients.set(`${node.name}/beta`, dbeta);
        send(node.inputs[0], dx.data);
        return;
      }
      case "maxPool2d":
        send(node.inputs[0], maxPoolBackward(x, places.get(node.name) as Int32Array, dy).data);
        return;
      case "avgPool2d":
      case "globalAvgPool2d":
        send(node.inputs[0], avgPoolBackward(node, x, dy).data);
        return;
      case "activation": {
        const { backward: map, parameters } = functions[node.attributes.activation];
        const through = (gradient: number, i: number) => gradient * backwardValue(map, x.data[i] as number, parameters);
        send(node.inputs[0], dy.data.map(through));
        return;
      }
      case "shift":
        gradients.set(`${node.name}/beta`, channelSums(dy.data, dy.shape.at(-1) as number));
        send(node.inputs[0], dy.data);
        return;
      case "prelu": {
        const { dx, dalpha } = preluBackward(x, weight(`${node.name}/alpha`), dy);
        gradients.set(`${node.name}/alpha`, dalpha);
        send(node.inputs[0], dx.data);
        return;
      }
      case "adaptiveSign": {
        const [alpha, beta] = [weight(`${node.name}/alpha`), weight(`${node.name}/beta`)];
        const { dx, dalpha, dbeta } = adaptiveSignBackward(x, alpha, beta, dy);
        gradients.set(`${node.name}/alpha`, dalpha);
        gradients.set(`${node.name}/beta`, dbeta);
        send(node.inputs[0], dx.data);
        return;
      }
      case "flatten":
        send(node.inputs[0], dy.data);
        return;
      case "add":
        for (const input of node.inputs) send(input, dy.data);
    }
  };

  for (const node of graph.nodes) values.set(node.name, forward(node));
  const { loss, gradient, predictions } = crossEntropy(value(graph.output), labels, margin, smoothing);
  if (phase !== "evaluate") {
    gradientAt.set(graph.output, gradient);
    for (const node of graph.nodes.toReversed()) {
      const dy = gradientAt.get(node.name);
      if (dy !== undefined) backward(node, dy);
    }
  }
  return { values, loss, predictions, gradients, moments, margin: margin.smallest };
}
