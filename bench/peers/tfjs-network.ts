/** A graph of ours in tfjs, in f32, as tfjs runs and trains it. */
import type { ActivationName, Graph, GraphNode, Padding } from "../../ts/nn/graph.ts";
import { parameterName } from "../../ts/nn/network.ts";
import { parametersOf } from "../../ts/nn/parameters.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { tf } from "./tfjs.ts";
import { transformerNode } from "./tfjs-transformer.ts";

const activations: Readonly<Record<ActivationName, (x: tf.Tensor) => tf.Tensor>> = {
  relu: tf.relu,
  hardTanh: (x) => tf.clipByValue(x, -1, 1),
  relu6: tf.relu6,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2)))),
};

/** The calculations of a graph's nodes that are open to choice. */
export interface Choices {
  /** The value of a quantised operand; without it the operand stays real. */
  readonly sign?: (x: tf.Tensor) => tf.Tensor;
  /** Batch norm over the batch, as in training; without it, batch norm belongs to the convolution before it. */
  readonly norm?: (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => tf.Tensor;
}

type Weights = ReadonlyMap<string, tf.Tensor>;

/** tfjs has sides for the batch and the channels too. */
const padding = (value: Padding): tf.backend_util.ExplicitPadding | "same" | "valid" =>
  typeof value === "string" ? value : [[0, 0], [...value[0]], [...value[1]], [0, 0]];

/**
 * The value of every node of `graph` on the images `x [n][height][width][channels]`. Weights go by our parameters' names;
 * a convolution whose batch norm is folded has `node/bias`.
 */
export function runGraph(
  graph: Graph,
  x: tf.Tensor,
  weights: Weights,
  { sign, norm }: Choices,
  see: (node: GraphNode, value: tf.Tensor) => void = () => {},
): tf.Tensor {
  const values = new Map<string, tf.Tensor>();
  const nodeValue = (name: string): tf.Tensor => values.get(name) as tf.Tensor;
  const weightOf = (name: string): tf.Tensor => weights.get(name) as tf.Tensor;
  const quantised = (value: tf.Tensor, quantizer: Quantizer | null): tf.Tensor =>
    quantizer === null || sign === undefined ? value : sign(value);

  const evaluate = (node: GraphNode): tf.Tensor => {
    const [first, second] = node.inputs;
    const input = first === undefined ? x : nodeValue(first);
    switch (node.op) {
      case "input":
        return x;
      case "conv2d": {
        const { strides, weightQuantizer, activationQuantizer } = node.attributes;
        return tf.fused.conv2d({
          x: quantised(input, activationQuantizer) as tf.Tensor4D,
          filter: quantised(weightOf(parameterName(node, "kernel")), weightQuantizer) as tf.Tensor4D,
          strides: strides as [number, number],
          pad: padding(node.attributes.padding),
          ...(weights.has(parameterName(node, "bias")) ? { bias: weightOf(parameterName(node, "bias")) } : {}),
        });
      }
      case "dense": {
        const { weightQuantizer, activationQuantizer, useBias } = node.attributes;
        const kernel = quantised(weightOf(parameterName(node, "kernel")), weightQuantizer);
        // Of tokens, every row is multiplied.
        const rows = tf.reshape(quantised(input, activationQuantizer), [-1, kernel.shape[0] as number]);
        const flat = tf.matMul(rows as tf.Tensor2D, kernel as tf.Tensor2D);
        const product = tf.reshape(flat, [...input.shape.slice(0, -1), kernel.shape[1] as number]);
        return useBias ? tf.add(product, weightOf(parameterName(node, "bias"))) : product;
      }
      case "batchNorm":
        return norm === undefined
          ? input
          : norm(input, weightOf(parameterName(node, "gamma")), weightOf(parameterName(node, "beta")));
      case "maxPool2d":
      case "avgPool2d": {
        const { poolSize, strides } = node.attributes;
        const pool = node.op === "maxPool2d" ? tf.maxPool : tf.avgPool;
        const sizes = [poolSize, strides] as [[number, number], [number, number]];
        return pool(input as tf.Tensor4D, sizes[0], sizes[1], padding(node.attributes.padding));
      }
      case "globalAvgPool2d":
        return tf.mean(input, [1, 2]);
      case "activation":
        return activations[node.attributes.activation](input);
      case "shift":
        return tf.add(input, weightOf(parameterName(node, "beta")));
      case "prelu":
        return tf.prelu(input, weightOf(parameterName(node, "alpha")));
      case "adaptiveSign": {
        const [alpha, beta] = [tf.abs(weightOf(parameterName(node, "alpha"))), weightOf(parameterName(node, "beta"))];
        return tf.where(tf.greaterEqual(input, beta), tf.add(beta, alpha), tf.sub(beta, alpha));
      }
      case "flatten":
        return tf.reshape(input, [input.shape[0] as number, -1]);
      case "add":
        return tf.add(input, nodeValue(second as string));
      // Networks that are compared have the operations above, and those of transformers.
      default: {
        const weight = (key: string): tf.Tensor => weightOf(parameterName(node, key));
        const value = transformerNode(node, { inputs: node.inputs.map(nodeValue), weight });
        if (value !== undefined) return value;
        throw new Error(`"${graph.name}" has a layer that no benchmark runs on tfjs`);
      }
    }
  };
  for (const node of graph.nodes) {
    const value = evaluate(node);
    values.set(node.name, value);
    see(node, value);
  }
  return nodeValue(graph.output);
}

/**
 * Variables for the trained parameters of `graph`. They are `weights` by the parameters' names. Without those they are
 * draws from a normal distribution, with scales of 1 and shifts of 0.
 */
export function variablesOf(
  graph: Graph,
  weights?: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, tf.Variable> {
  return new Map(
    parametersOf(graph).flatMap(({ name, key, role, shape }) => {
      if (role === "statistic") return [];
      const dims = [...shape];
      const given = weights?.get(name);
      if (given !== undefined) return [[name, tf.variable(tf.tensor(given, dims))] as const];
      const start = key === "kernel" ? tf.randomNormal(dims, 0, 0.1) : key === "gamma" ? tf.ones(dims) : tf.zeros(dims);
      return [[name, tf.variable(start)] as const];
    }),
  );
}
