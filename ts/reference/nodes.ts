/** Any node on tfjs, by the table of operations: its value and its gradients, and how far ours may be from them. */
import type { Graph, GraphNode, OpName } from "../nn/graph.ts";
import { networkOf } from "../nn/network.ts";
import type { Near } from "./maps.ts";
import { referenceOpOf } from "./ops/index.ts";
import type { Applied, At, Site } from "./ops/op.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** `node` over tensors for its inputs, of which there are as many as its operation takes, or the network's own. */
export const applied = (tf: TensorFlow, node: GraphNode, inputs: readonly Tensor[], site: Site): Applied<OpName> => ({
  tf,
  node,
  inputs: inputs as Applied<OpName>["inputs"],
  site,
});

/** The value of a node, `[images][...shape]`. */
export const evaluate = (given: Applied<OpName>): Tensor => referenceOpOf(given.node.op).value(given);

/** The value of a node, and how far ours may be from it. */
export function nearValue(tf: TensorFlow, node: GraphNode, inputs: readonly Near[], site: Site): Near {
  const own = applied(
    tf,
    node,
    inputs.map((input) => input.value),
    site,
  );
  const value = evaluate(own);
  return { value, distance: referenceOpOf(node.op).distance?.(own, value, inputs) ?? tf.zerosLike(value) };
}

/** The gradient at an input or a parameter of a node for the gradient `dy` at its value; tfjs derives it. */
export function nearGradient(given: Applied<OpName>, dy: Tensor, at: At): Near {
  const { tf, node, inputs, site } = given;
  const point = typeof at === "number" ? (inputs[at] as Tensor) : site.parameter(at);
  const value = tf.grad((moved: Tensor) => {
    const operands = inputs.map((input, place) => (place === at ? moved : input));
    const parameter = (key: string): Tensor => (key === at ? moved : site.parameter(key));
    return evaluate(applied(tf, node, operands, { ...site, parameter }));
  })(point, dy);
  const distance = referenceOpOf(node.op).gradientDistance?.(given, { dy, at, gradient: value });
  return { value, distance: distance ?? tf.zerosLike(value) };
}

/** The words for the first gradient of a trained parameter that the backend cannot calculate; null for none. */
export function lackOf(tf: TensorFlow, graph: Graph): string | null {
  const { nodes, parameters } = networkOf(graph);
  for (const { node, key, role } of parameters) {
    const { op } = nodes.get(node) as GraphNode;
    const lack = role === "statistic" ? null : (referenceOpOf(op).lacks?.(tf, key) ?? null);
    if (lack !== null) return lack;
  }
  return null;
}
