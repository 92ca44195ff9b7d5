/**
 * What batch normalisation does on the way: its pass over memory also adds the residual behind it, and leaves the signs
 * that the next binary layer reads; those a shift leaves too. Which nodes take part follows from the graph alone.
 */
import type { Graph } from "../nn/graph.ts";
import { isAffine, isProduct } from "../nn/nodes.ts";
import { activationsAreBits } from "../nn/operands.ts";

export interface Fusions {
  /** Of a batch norm: the `add` behind it, and that sum's other input. */
  readonly sums: ReadonlyMap<string, { readonly add: string; readonly residual: string }>;
  /**
   * Of a batch norm or a shift: the layer whose activations are signs in the end that reads what it writes (its value
   * or the sum).
   */
  readonly readers: ReadonlyMap<string, string>;
  /** The `add` nodes that need no pass of their own. */
  readonly done: ReadonlySet<string>;
}

/** The fusions of `graph`, whose nodes are in topological order. */
export function fusionsOf(graph: Graph): Fusions {
  const place = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const before = (a: string, b: string): boolean => (place.get(a) as number) < (place.get(b) as number);
  const uses = new Map<string, number>();
  const signReaders = new Map<string, string>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
    if (!isProduct(node) || !activationsAreBits(node) || signReaders.has(node.inputs[0])) continue;
    signReaders.set(node.inputs[0], node.name);
  }
  const isNorm = (name: string): boolean => graph.nodes[place.get(name) as number]?.op === "batchNorm";

  const sums = new Map<string, { add: string; residual: string }>();
  for (const node of graph.nodes) {
    if (node.op !== "add") continue;
    const [a, b] = node.inputs;
    // The residual must be there when the norm runs; of two norms the later one takes the sum.
    const [norm, residual] = before(a, b) ? [b, a] : [a, b];
    if (isNorm(norm) && norm !== residual && uses.get(norm) === 1 && norm !== graph.output) {
      sums.set(norm, { add: node.name, residual });
    }
  }
  const readers = new Map<string, string>();
  for (const node of graph.nodes) {
    if (!isAffine(node)) continue;
    const value = sums.get(node.name)?.add ?? node.name;
    const reader = signReaders.get(value);
    if (reader !== undefined) readers.set(node.name, reader);
  }
  return { sums, readers, done: new Set([...sums.values()].map(({ add }) => add)) };
}
