/**
 * Which nodes run together, without a pass over memory between them.
 *
 * - `bits`: a layer with integer sums, maybe with a scale, maybe a pool that has a form over bits, a scale and shift of
 *   each channel, and then nothing but layers that take the sign of the result, or one that takes that of a difference. All
 *   of it becomes one integer comparison a channel.
 * - `norm`: a layer with integer sums and such a scale and shift, maybe with the shortcut of a residual block added.
 *   The layer writes the result and its signs as it goes.
 * - `rows`: any other layer with weights, and what follows it row by row, done while a few rows are in the cache.
 * - `steps`: two and more layers behind each other that take their rows one by one and follow no product.
 */
import type { GraphNode } from "../../nn/graph.ts";
import { type AffineNode, isAffine, isOnlyInTraining, isProduct, type ProductNode } from "../../nn/nodes.ts";
import type { BitValues, Network } from "../context.ts";
import { hasIntegerSums, hasScale } from "../forms.ts";
import { type BitsNode, type Follower, isFollower, isOnBits, isSum, type SumNode } from "../ops/index.ts";

interface Members {
  /** The names of all nodes of the group, in the order of the graph. */
  readonly members: readonly string[];
}

export interface BitsGroup extends Members {
  readonly kind: "bits";
  readonly product: ProductNode;
  readonly pool: BitsNode | null;
  readonly norm: AffineNode;
}

export interface NormGroup extends Members {
  readonly kind: "norm";
  readonly product: ProductNode;
  readonly norm: AffineNode;
  readonly add: SumNode | null;
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

/**
 * Every group of a network, by the name of its last node, where it runs. `takes` says which layers take the signs that a layer with
 * integer sums would write, `takesThresholds` which take bits of its comparisons.
 */
export function groupsOf(
  { graph, flow }: Pick<Network, "graph" | "flow">,
  { takes: takesBits, takesThresholds }: Pick<BitValues, "takes" | "takesThresholds">,
): ReadonlyMap<string, Group> {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  /** The node behind whatever acts in training alone. */
  const behind = (name: string): GraphNode => {
    const node = nodes.get(name) as GraphNode;
    return isOnlyInTraining(node) ? behind(node.inputs[0]) : node;
  };
  /** The only reader of a value that nobody else wants, and that reads it as it is and under no other shape. */
  const onlyReader = (name: string): GraphNode | null => {
    const readers = flow.consumers(name);
    const reader = readers[0]?.node;
    const only =
      !flow.results.has(name) && readers.length === 1 && reader?.inputs.some((input) => behind(input).name === name);
    return only ? (reader as GraphNode) : null;
  };
  /** The layers that take rows one by one behind `name`, each the only reader of the one before. */
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
    if (!isAffine(norm) || flow.results.has(norm.name) || !flow.consumers(norm.name).every(takesThresholds)) continue;
    const before = behind(norm.inputs[0]);
    const pool = isOnBits(before) ? before : null;
    const product = pool === null ? before : behind(pool.inputs[0]);
    if (!hasIntegerSums(product) || onlyReader(product.name) === null) continue;
    if (pool !== null && onlyReader(pool.name) === null) continue;
    keep({ kind: "bits", product, pool, norm, members: namesOf([product, pool, norm]) });
  }
  for (const product of graph.nodes) {
    if (!isProduct(product) || inner.has(product.name)) continue;
    const norm = onlyReader(product.name);
    if (hasIntegerSums(product) && !hasScale(product) && norm !== null && isAffine(norm)) {
      const reader = onlyReader(norm.name);
      // The shortcut may be such a layer itself, and then one of the two has the other added.
      const add = reader !== null && isSum(reader) && !inner.has(reader.name) ? reader : null;
      keep({ kind: "norm", product, norm, add, members: namesOf([product, norm, add]) });
      continue;
    }
    const followers = followersOf(product.name);
    keep({ kind: "rows", product, followers, members: namesOf([product, ...followers]) });
  }
  /** True where its kernel is to write signs beside, which takes a call of its own. */
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
