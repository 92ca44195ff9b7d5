/** The graph as seen by values: what is passed on is the memory of its input, so that only its source has a value. */
import type { Graph, GraphNode, NodeOf } from "../nn/graph.ts";
import { outputsOf } from "../nn/network.ts";
import { isPassed } from "../nn/nodes.ts";

/** A node that reads a value, and the place of that input. */
export interface Reader {
  readonly node: GraphNode;
  readonly place: number;
}

export interface Flow {
  /** The node whose value is read under this name. */
  readonly source: (name: string) => GraphNode;
  /** Who reads the value of this node, once for each time. */
  readonly consumers: (name: string) => readonly Reader[];
  /** The input, and the nodes whose values are results. */
  readonly input: NodeOf<"input">;
  readonly results: ReadonlySet<string>;
}

export function flowOf(graph: Graph): Flow {
  const sources = new Map<string, GraphNode>();
  const consumers = new Map<string, Reader[]>();
  const source = (name: string): GraphNode => sources.get(name) as GraphNode;
  for (const node of graph.nodes) {
    sources.set(node.name, isPassed(node) ? source(node.inputs[0]) : node);
    if (isPassed(node)) continue;
    for (const [place, input] of node.inputs.entries()) {
      const { name } = source(input);
      const known = consumers.get(name);
      if (known === undefined) consumers.set(name, [{ node, place }]);
      else known.push({ node, place });
    }
  }
  const input = graph.nodes.find((node) => node.op === "input") as NodeOf<"input">;
  const results = new Set(outputsOf(graph).map((name) => source(name).name));
  return { source, consumers: (name) => consumers.get(name) ?? [], input, results };
}
