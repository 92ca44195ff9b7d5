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

/** The value of a node, and how far ours may be from it: a tensor of its shape, or one number for all. */
export function nearValue(tf: TensorFlow, node: GraphNode, inputs: readonly Near[], site: Site): Near {
  const own = applied(
    tf,
    node,
    inputs.map((input) => input.value),
    site,
  );
  const value = evaluate(own);
  return { value, distance: referenceOpOf(node.op).distance?.(own, value, inputs) ?? tf.scalar(0) };
}

/** The gradient at an input or a parameter of a node for the gradient `dy` at its value; tfjs derives it. */
export const nearGradient = (given: Applied<OpName>, dy: Tensor, at: At): Near =>
  nearGradients(given, dy, [at])[0] as Near;

/** The gradients at several of them, out of one pass over the node. */
export function nearGradients(given: Applied<OpName>, dy: Tensor, places: readonly At[]): readonly Near[] {
  const { tf, node, inputs, site } = given;
  const points = places.map((at) => (typeof at === "number" ? (inputs[at] as Tensor) : site.parameter(at)));
  const gradients = tf.grads((...moved: Tensor[]) => {
    const movedAt = (at: At): Tensor | undefined => moved[places.indexOf(at)];
    const operands = inputs.map((input, place) => movedAt(place) ?? input);
    const parameter = (key: string): Tensor => movedAt(key) ?? site.parameter(key);
    return evaluate(applied(tf, node, operands, { ...site, parameter }));
  })(points, dy);
  return gradients.map((gradient, i) => {
    const at = places[i] as At;
    const distance = referenceOpOf(node.op).gradientDistance?.(given, { dy, at, gradient });
    return { value: gradient, distance: distance ?? tf.scalar(0) };
  });
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
