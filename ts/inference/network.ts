/** A graph as the compiler reads it, for so many images. */
import type { Graph } from "../nn/graph.ts";
import { shapesOf } from "../nn/network.ts";
import { isProduct } from "../nn/nodes.ts";
import { rowsOf, type Shape } from "../nn/shapes.ts";
import type { ConvShape } from "../program/kernels.ts";
import type { Network } from "./context.ts";
import { flowOf } from "./flow.ts";
import { productOpOf } from "./ops/index.ts";
import { pixelShape } from "./windows.ts";

export function createNetwork(graph: Graph, images: number): Network {
  const shapes = shapesOf(graph);
  const flow = flowOf(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  // Every reader of a value asks for the windows of its other readers.
  const windows = new Map<string, ConvShape>();
  const windowOf: Network["windowOf"] = (node) => {
    const [name] = node.inputs;
    const known = windows.get(node.name);
    if (known !== undefined) return known;
    const made = productOpOf(node).window(node, images, shapeOf(name), shapeOf(flow.source(name).name));
    windows.set(node.name, made);
    return made;
  };
  return {
    graph,
    flow,
    images,
    shapeOf,
    channelsOf: (name) => rowsOf(shapeOf(name)).channels,
    windowOf,
    windowAt: ({ node, place }) => {
      if (isProduct(node)) return windowOf(node);
      const name = node.inputs[place] as string;
      const [own, made] = [shapeOf(name), shapeOf(flow.source(name).name)];
      // Rows are the same memory as the pixels of an image with as many channels.
      return pixelShape(images, own.at(-1) === made.at(-1) ? made : own);
    },
  };
}
