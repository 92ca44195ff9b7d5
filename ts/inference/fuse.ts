/**
 * Which nodes run together, without a pass over memory between them.
 *
 * - `bits`: a layer with integer sums, maybe with a scale, maybe a max-pool, batch normalisation, and then nothing but layers
 *   that take the sign of the result. All of it becomes one integer comparison a channel.
 * - `norm`: a layer with integer sums and batch normalisation, maybe with the shortcut of a residual block added. The
 *   layer writes the result and its signs as it goes.
 * - `rows`: any other layer with weights, and what follows it element by element, done while a few rows are in the cache.
 * - `steps`: two and more layers behind each other that take their elements one by one and follow no product.
 */

import type { Graph, GraphNode, NodeOf } from "../nn/graph.ts";
import { isAffine, isAlias, isPerRow, isProduct, type ProductNode, type RowNode } from "../nn/nodes.ts";
import { operandsAreBits } from "../nn/operands.ts";

/** A layer of one input that does something to each row by itself. */
export type Follower = Exclude<RowNode, NodeOf<"add">>;

export const isFollower = (node: GraphNode): node is Follower => isPerRow(node) && node.op !== "add";

interface Members {
  /** The names of all nodes of the group, in the order of the graph. */
  readonly members: readonly string[];
}

export interface BitsGroup extends Members {
  readonly kind: "bits";
  readonly product: ProductNode;
  readonly pool: NodeOf<"maxPool2d"> | null;
  readonly norm: NodeOf<"batchNorm">;
}

export interface NormGroup extends Members {
  readonly kind: "norm";
  readonly product: ProductNode;
  readonly norm: NodeOf<"batchNorm">;
  readonly add: NodeOf<"add"> | null;
}

export interface RowsGroup extends Members {
  readonly kind: "rows";
  readonly product: ProductNode;
  readonly followers: readonly Follower[];
}

export interface StepsGroup extends Members {
  readonly kind: "steps";
  readonly followers: readonly Follower[];
}

export type Group = BitsGroup | NormGroup | RowsGroup | StepsGroup;

/** Both operands +-1, and exact sums, which are whole numbers. */
export const isBinary = (node: ProductNode): boolean => operandsAreBits(node) && node.attributes.accumulator === null;

/** Both operands +-1, and sums in 8 bits. */
export const isAccumulated = (node: ProductNode): boolean =>
  operandsAreBits(node) && node.attributes.accumulator !== null;

/** Whether a layer multiplies its sums by a scale of each filter. AdaBin's belongs to the weights. */
export const hasScale = ({ attributes: { weightQuantizer } }: ProductNode): boolean =>
  weightQuantizer !== null && weightQuantizer.scale !== "none";

/** What leaves the layer are exact sums of bits: whole numbers, perhaps times a scale of each filter. */
const hasIntegerSums = (node: GraphNode): node is ProductNode =>
  isProduct(node) && isBinary(node) && !node.attributes.useBias;

/** The graph as seen by values: flatten is the same memory as its input. */
export interface Flow {
  /** The node whose value is read under this name. */
  readonly source: (name: string) => GraphNode;
  /** Who reads the value of this node, once for each time. */
  readonly consumers: (name: string) => readonly GraphNode[];
  /** The input, and the node whose value is the result. */
  readonly input: NodeOf<"input">;
  readonly result: string;
}

export function flowOf(graph: Graph): Flow {
  const sources = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  const source = (name: string): GraphNode => sources.get(name) as GraphNode;
  for (const node of graph.nodes) {
    sources.set(node.name, isAlias(node) ? source(node.inputs[0]) : node);
    if (isAlias(node)) continue;
    for (const input of node.inputs) {
      const { name } = source(input);
      const known = consumers.get(name);
      if (known === undefined) consumers.set(name, [node]);
      else known.push(node);
    }
  }
  const input = graph.nodes.find((node) => node.op === "input") as NodeOf<"input">;
  return { source, consumers: (name) => consumers.get(name) ?? [], input, result: source(graph.output).name };
}

/**
 * Every group of `graph`, by the name of its last node, where it runs. `takesBits` says whether a layer takes the bits that
 * a layer with integer sums would write.
 */
export function groupsOf(
  graph: Graph,
  flow: Flow,
  takesBits: (node: GraphNode) => boolean,
): ReadonlyMap<string, Group> {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  /** The only reader of a value that nobody else wants, and that reads it as it is and not flattened. */
  const onlyReader = (name: string): GraphNode | null => {
    const readers = flow.consumers(name);
    const [reader] = readers;
    const only = name !== flow.result && readers.length === 1 && reader?.inputs.some((input) => input === name);
    return only ? (reader as GraphNode) : null;
  };
  /** The layers that take elements one by one behind `name`, each the only reader of the one before. */
  const followersOf = (name: string): readonly Follower[] => {
    const found: Follower[] = [];
    for (let last = onlyReader(name); last !== null && isFollower(last); last = onlyReader(last.name)) found.push(last);
    return found;
  };
  const inner = new Set<string>();
  const groups = new Map<string, Group>();
  const namesOf = (members: readonly (GraphNode | null)[]): readonly string[] =>
    members.flatMap((node) => (node === null ? [] : [node.name]));
  const keep = (group: Group): void => {
    for (const name of group.members) inner.add(name);
    groups.set(group.members.at(-1) as string, group);
  };

  for (const norm of graph.nodes) {
    if (norm.op !== "batchNorm" || norm.name === flow.result || !flow.consumers(norm.name).every(takesBits)) continue;
    const before = nodes.get(norm.inputs[0]) as GraphNode;
    const pool = before.op === "maxPool2d" ? before : null;
    const product = pool === null ? before : (nodes.get(pool.inputs[0]) as GraphNode);
    if (!hasIntegerSums(product) || onlyReader(product.name) === null) continue;
    if (pool !== null && onlyReader(pool.name) === null) continue;
    keep({ kind: "bits", product, pool, norm, members: namesOf([product, pool, norm]) });
  }
  for (const product of graph.nodes) {
    if (!isProduct(product) || inner.has(product.name)) continue;
    const norm = onlyReader(product.name);
    if (hasIntegerSums(product) && !hasScale(product) && norm?.op === "batchNorm") {
      const reader = onlyReader(norm.name);
      // The shortcut may be such a layer itself, and then one of the two has the other added.
      const add = reader?.op === "add" && !inner.has(reader.name) ? reader : null;
      keep({ kind: "norm", product, norm, add, members: namesOf([product, norm, add]) });
      continue;
    }
    const followers = followersOf(product.name);
    keep({ kind: "rows", product, followers, members: namesOf([product, ...followers]) });
  }
  /** Whether its kernel is to write signs beside, which takes a call of its own. */
  const writesSigns = (node: GraphNode): boolean => isAffine(node) && flow.consumers(node.name).some(takesBits);
  for (const first of graph.nodes) {
    if (!isFollower(first) || inner.has(first.name) || writesSigns(first)) continue;
    const all = [first, ...followersOf(first.name)];
    const end = all.findIndex((node) => inner.has(node.name) || writesSigns(node));
    const followers = end < 0 ? all : all.slice(0, end);
    if (followers.length > 1) keep({ kind: "steps", followers, members: namesOf(followers) });
  }
  return groups;
}
