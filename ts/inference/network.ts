/** A graph as the compiler reads it, for so many images. */
import type { Graph } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { rowsOf, type Shape } from "../nn/shapes.ts";
import type { Network } from "./context.ts";
import { flowOf } from "./flow.ts";
import { productOpOf } from "./ops/index.ts";

export function createNetwork(graph: Graph, images: number): Network {
  const shapes = shapesOf(graph);
  const flow = flowOf(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  return {
    graph,
    flow,
    shapeOf,
    channelsOf: (name) => rowsOf(shapeOf(name)).channels,
    windowOf: (node) => {
      const [name] = node.inputs;
      return productOpOf(node).window(node, images, shapeOf(name), shapeOf(flow.source(name).name));
    },
  };
}
