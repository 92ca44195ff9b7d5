/**
 * Which chains become one integer comparison: a layer with integer sums, maybe a max-pool, batch normalisation, and then
 * nothing but layers that take the sign of the result.
 */
import type { Graph, GraphNode, NodeOf } from "../nn/graph.ts";

export type ProductNode = NodeOf<"conv2d"> | NodeOf<"dense">;

export interface Fusion {
  readonly product: ProductNode;
  readonly pool: NodeOf<"maxPool2d"> | null;
  readonly norm: NodeOf<"batchNorm">;
}

export const isProduct = (node: GraphNode): node is ProductNode => node.op === "conv2d" || node.op === "dense";

/** Both operands +-1 and nothing added: the sums are whole numbers. */
export const hasIntegerSums = (node: GraphNode): node is ProductNode =>
  isProduct(node) &&
  node.attributes.weightQuantizer !== null &&
  node.attributes.activationQuantizer !== null &&
  !node.attributes.useBias;

/**
 * Whether the layer reads bits in the layout of the value before any flatten. A dense layer with real weights does not:
 * its sums run in the order of the flattened vector.
 */
const readsBits = (node: GraphNode): boolean =>
  isProduct(node) &&
  node.attributes.activationQuantizer !== null &&
  (node.op === "conv2d" || node.attributes.weightQuantizer !== null);

/** The node whose value `name` is, looking through flatten. */
export function throughFlatten(graph: Graph, name: string): GraphNode {
  const node = graph.nodes.find((candidate) => candidate.name === name) as GraphNode;
  return node.op === "flatten" ? throughFlatten(graph, node.inputs[0]) : node;
}

/** Every chain of `graph` that can be fused, by the name of its batch norm. */
export function fusionsOf(graph: Graph): ReadonlyMap<string, Fusion> {
  const consumers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    if (node.op === "flatten") continue;
    for (const input of node.inputs) {
      const source = throughFlatten(graph, input).name;
      consumers.set(source, [...(consumers.get(source) ?? []), node]);
    }
  }
  const result = throughFlatten(graph, graph.output).name;
  const only = (name: string): boolean => name !== result && consumers.get(name)?.length === 1;

  const fusions = new Map<string, Fusion>();
  for (const norm of graph.nodes) {
    if (norm.op !== "batchNorm" || norm.name === result) continue;
    if (!(consumers.get(norm.name) ?? []).every(readsBits)) continue;
    const before = graph.nodes.find((node) => node.name === norm.inputs[0]) as GraphNode;
    const pool = before.op === "maxPool2d" ? before : null;
    const product = pool === null ? before : (graph.nodes.find((node) => node.name === pool.inputs[0]) as GraphNode);
    if (hasIntegerSums(product) && only(product.name) && (pool === null || only(pool.name))) {
      fusions.set(norm.name, { product, pool, norm });
    }
  }
  return fusions;
}
