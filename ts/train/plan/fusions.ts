/**
 * Some operations do more in their pass over memory than their own work: they add the residual behind them, or leave the
 * signs that the next binary layer reads. Each says of itself what it takes (`TrainOp.takes`); which nodes take part follows
 * from the graph alone.
 */
import type { Graph, GraphNode } from "../../nn/graph.ts";
import { isProduct } from "../../nn/nodes.ts";
import { groupsOfProduct, readsSigns } from "../../nn/operands.ts";
import { trainOpOf } from "../ops/index.ts";
import type { Fusions } from "./context.ts";

/** The fusions of `graph`, whose nodes are in topological order. The values of nodes in `read` are written in any case. */
export function fusionsOf(graph: Graph, read: ReadonlySet<string> = new Set()): Fusions {
  const place = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const before = (a: string, b: string): boolean => (place.get(a) as number) < (place.get(b) as number);
  const uses = new Map<string, number>();
  const signReaders = new Map<string, string>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
    // Groups take the signs of their own channels.
    if (!isProduct(node) || !readsSigns(node) || groupsOfProduct(node) > 1) continue;
    if (signReaders.has(node.inputs[0])) continue;
    signReaders.set(node.inputs[0], node.name);
  }
  const takesSum = (name: string): boolean =>
    trainOpOf((graph.nodes[place.get(name) as number] as GraphNode).op).takes?.sum === true;

  const sums = new Map<string, { add: string; residual: string }>();
  for (const node of graph.nodes) {
    if (trainOpOf(node.op).isSum !== true) continue;
    const [a, b] = node.inputs as readonly [string, string];
    // The residual must be there when the sum is written; of two that take sums the later one does.
    const [taker, residual] = before(a, b) ? [b, a] : [a, b];
    const isRead = uses.get(taker) !== 1 || taker === graph.output || read.has(taker);
    if (takesSum(taker) && taker !== residual && !isRead) {
      sums.set(taker, { add: node.name, residual });
    }
  }
  const readers = new Map<string, string>();
  for (const node of graph.nodes) {
    if (trainOpOf(node.op).takes?.signs !== true) continue;
    const value = sums.get(node.name)?.add ?? node.name;
    const reader = signReaders.get(value);
    if (reader !== undefined) readers.set(node.name, reader);
  }
  return { sums, readers, done: new Set([...sums.values()].map(({ add }) => add)) };
}
