/**
 * One walk over a graph gives its nodes by name, their shapes, and its parameters. A validated graph cannot change any
 * more. So its walk is kept beside it, and the graph itself stays plain.
 */
import { reading } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { Graph, GraphNode, Parameter } from "./graph.ts";
import { isAlias, outputShape, parameterSpecs } from "./nodes.ts";
import { quantizedOperands } from "./operands.ts";
import type { Shape } from "./shapes.ts";
import { checkShared } from "./shared.ts";

export interface Network {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** The output shape of every node, in the graph's order. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /**
   * The parameters in the graph's order, and within a node in its operation's. Files and checkpoints have this order.
   */
  readonly parameters: readonly Parameter[];
  /** The quantizers of latent weights, by the parameters' names. */
  readonly quantizers: ReadonlyMap<string, Quantizer>;
  /** The node whose memory a node's value is: an alias has that of its input. */
  readonly owners: ReadonlyMap<string, string>;
}

/** A node, whether as it stands in a graph or only by its names. */
interface Named {
  readonly name: string;
  readonly shares?: string;
}

/** The name of the parameter that `node` calls `key`. Nodes that share their parameters name those of the first. */
export const parameterName = ({ name, shares = name }: Named, key: string): string => `${shares}/${key}`;

/** A walk over the nodes of a graph in their order. */
export interface Walk extends Network {
  /** The shape of the next node. Throws "shape" or "graph" where it does not fit the nodes before it. */
  readonly add: (node: GraphNode) => Shape;
}

export function createWalk(): Walk {
  const nodes = new Map<string, GraphNode>();
  const shapes = new Map<string, Shape>();
  const parameters: Parameter[] = [];
  const owned = new Map<string, readonly Parameter[]>();
  const quantizers = new Map<string, Quantizer>();
  const owners = new Map<string, string>();
  const add = (node: GraphNode): Shape => {
    const inputs = node.inputs.map((name) => {
      const shape = shapes.get(name);
      if (shape === undefined) {
        throw new ProxbitError(
          "graph",
          `layer "${node.name}": its input "${name}" is none of the nodes before it`,
          "List the nodes in topological order.",
        );
      }
      return shape;
    });
    const shape = Object.freeze(outputShape(node, inputs));
    shapes.set(node.name, shape);
    owners.set(node.name, isAlias(node) ? (owners.get(node.inputs[0]) as string) : node.name);
    const specs = parameterSpecs(node, inputs);
    if (node.shares !== undefined) checkShared(node, specs, nodes.get(node.shares), owned.get(node.shares) ?? []);
    const own = (node.shares === undefined ? Object.entries(specs) : []).map(([key, spec]) => {
      const parameter = { ...spec, name: parameterName(node, key), node: node.name, key };
      return Object.freeze(node.trainable === false ? { ...parameter, frozen: true } : parameter);
    });
    parameters.push(...own);
    owned.set(node.name, own);
    for (const { at, quantizer } of quantizedOperands(node)) {
      if (typeof at === "string") quantizers.set(parameterName(node, at), quantizer);
    }
    nodes.set(node.name, node);
    return shape;
  };
  return { nodes, shapes, parameters, quantizers, owners, add };
}

const known = new WeakMap<Graph, Network>();

/** Keeps the walk over a graph that cannot change; returns the graph. */
export function remember(graph: Graph, { add: _, ...network }: Walk): Graph {
  Object.freeze(network.parameters);
  known.set(graph, Object.freeze(network));
  return graph;
}

/** The walk over `graph`. Throws "shape" or "graph" for one whose nodes do not fit together. */
export function networkOf(graph: Graph): Network {
  const found = known.get(graph);
  if (found !== undefined) return found;
  return reading("graph", "the result of sequential, functional or model", () => {
    const walk = createWalk();
    for (const node of graph.nodes) walk.add(node);
    return walk;
  });
}

/** The output shape of every node of a graph, by name, in the graph's order. Throws as `networkOf` does. */
export const shapesOf = (graph: Graph): ReadonlyMap<string, Shape> => networkOf(graph).shapes;

/** The shape of the graph's one input. Throws "graph" where there is none. */
export function inputShapeOf(graph: Graph): Shape {
  const input = graph.nodes.find((node) => node.op === "input");
  if (input?.op !== "input") throw new ProxbitError("graph", `graph "${graph.name}" has no input`, "Give it one.");
  return input.attributes.shape;
}

/** The names of all results of `graph`, the first of which is classified. */
export const outputsOf = ({ output, outputs }: Graph): readonly string[] => outputs ?? [output];
