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

/** By the name of each node, the node whose value it is, looking through flatten. */
export function sourcesOf(graph: Graph): ReadonlyMap<string, GraphNode> {
  const sources = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    sources.set(node.name, node.op === "flatten" ? (sources.get(node.inputs[0]) as GraphNode) : node);
  }
  return sources;
}

/** Every chain of `graph` that can be fused, by the name of its batch norm. */
export function fusionsOf(graph: Graph): ReadonlyMap<string, Fusion> {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const sources = sourcesOf(graph);
  const sourceOf = (name: string): string => (sources.get(name) as GraphNode).name;
  const consumers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    if (node.op === "flatten") continue;
    for (const input of node.inputs) {
      const readers = consumers.get(sourceOf(input)) ?? [];
      readers.push(node);
      consumers.set(sourceOf(input), readers);
    }
  }
  const result = sourceOf(graph.output);
  const only = (name: string): boolean => name !== result && consumers.get(name)?.length === 1;

  const fusions = new Map<string, Fusion>();
  for (const norm of graph.nodes) {
    if (norm.op !== "batchNorm" || norm.name === result) continue;
    if (!(consumers.get(norm.name) ?? []).every(readsBits)) continue;
    const before = nodes.get(norm.inputs[0]) as GraphNode;
    const pool = before.op === "maxPool2d" ? before : null;
    const product = pool === null ? before : (nodes.get(pool.inputs[0]) as GraphNode);
    if (hasIntegerSums(product) && only(product.name) && (pool === null || only(pool.name))) {
      fusions.set(norm.name, { product, pool, norm });
    }
  }
  return fusions;
}
