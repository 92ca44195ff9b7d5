/**
 * Shape rules: from an operation and the shapes it is given to the shape it yields. Shapes leave out the batch axis:
 * `[height, width, channels]` or `[units]`. Geometry of windows is TensorFlow's:
 *
 *   SAME    out = ceil(in / stride), pad = max((out - 1) stride + kernel - in, 0), before = floor(pad / 2)
 *   VALID   out = floor((in - kernel) / stride) + 1, no padding
 *   padded  max(before + in, (out - 1) stride + kernel): rows (columns) of the padded image that the core works on
 *
 * The core pads a convolution's image with zeros or ones; a pool clips its windows to the image instead.
 */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { limits } from "./attributes.ts";
import type { Graph, GraphNode, NodeOf, Padding, PadValue, Shape } from "./graph.ts";

/** Everything about a convolution's or a pool's windows but the number of images. Sizes in elements. */
export interface WindowGeometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly paddedHeight: number;
  readonly paddedWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** A pool has as many filters as channels. */
  readonly filters: number;
  readonly padValue: PadValue;
}

function shapeError(node: GraphNode, expected: string, given: Shape, remedy: string): ProxbitError {
  return new ProxbitError("shape", `layer "${node.name}": expected ${expected}, was given ${describe(given)}`, remedy);
}

interface AxisGeometry {
  readonly out: number;
  readonly before: number;
  readonly padded: number;
}

/** One axis of a window; `out` is 0 where a VALID kernel does not fit. */
function axisGeometry(size: number, kernel: number, stride: number, padding: Padding): AxisGeometry {
  if (padding === "valid") {
    const out = size < kernel ? 0 : Math.floor((size - kernel) / stride) + 1;
    return { out, before: 0, padded: size };
  }
  const out = Math.ceil(size / stride);
  const before = Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2);
  return { out, before, padded: Math.max(before + size, (out - 1) * stride + kernel) };
}

/** A node whose windows slide over images. */
export type WindowNode = NodeOf<"conv2d" | "maxPool2d" | "avgPool2d" | "globalAvgPool2d">;

interface WindowSizes {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

function windowSizes(node: WindowNode, height: number, width: number): WindowSizes {
  if (node.op === "globalAvgPool2d") return { kernel: [height, width], strides: [1, 1], padding: "valid" };
  const { strides, padding } = node.attributes;
  return { kernel: node.op === "conv2d" ? node.attributes.kernelSize : node.attributes.poolSize, strides, padding };
}

/**
 * The windows of a convolution or a pool over images of `inputShape`, for trainer and inference alike. Throws "shape"
 * for an input that is no image, a VALID kernel larger than the image, and sizes beyond the core's.
 */
export function convGeometry(node: WindowNode, inputShape: Shape): WindowGeometry {
  const [height, width, channels] = inputShape;
  if (inputShape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    const remedy = "Give the network an inputShape of [height, width, channels], and flatten only after this layer.";
    throw shapeError(node, "images [height, width, channels]", inputShape, remedy);
  }
  const { kernel, strides, padding } = windowSizes(node, height, width);
  const rows = axisGeometry(height, kernel[0], strides[0], padding);
  const columns = axisGeometry(width, kernel[1], strides[1], padding);
  if (rows.out === 0 || columns.out === 0) {
    throw shapeError(
      node,
      `an image of at least [${kernel[0]}, ${kernel[1]}] pixels, the size of the window`,
      inputShape,
      'Give padding: "same", or a smaller window, or pool less in front of this layer.',
    );
  }
  const filters = node.op === "conv2d" ? node.attributes.filters : channels;
  // A pool's windows are clipped and it has no weights, so that only its output counts.
  const taps = node.op === "conv2d" ? kernel[0] * kernel[1] * channels : 0;
  const sizes = node.op === "conv2d" ? [rows.padded * columns.padded * channels, taps * filters] : [];
  if (Math.max(...sizes, rows.out * columns.out * filters) > limits.elements || taps > limits.dimension) {
    const expected = `windows of at most ${limits.dimension} elements and tensors of at most ${limits.elements}`;
    throw shapeError(node, expected, inputShape, "Give fewer filters, a smaller kernel or smaller images.");
  }
  return {
    height,
    width,
    channels,
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideHeight: strides[0],
    strideWidth: strides[1],
    padTop: rows.before,
    padLeft: columns.before,
    paddedHeight: rows.padded,
    paddedWidth: columns.padded,
    outHeight: rows.out,
    outWidth: columns.out,
    filters,
    padValue: node.op === "conv2d" ? node.attributes.padValue : "zero",
  };
}

/** The number of elements of a shape. */
export function elementsOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

function denseShape(node: NodeOf<"dense">, given: Shape): Shape {
  const [inputs] = given;
  if (given.length !== 1 || inputs === undefined) {
    throw shapeError(node, "vectors [units]", given, "Put layers.flatten() in front of this layer.");
  }
  if (inputs > limits.dimension || inputs * node.attributes.units > limits.elements) {
    const expected = `at most ${limits.dimension} inputs and ${limits.elements} weights`;
    throw shapeError(node, expected, given, "Give fewer units, or pool in front of this layer.");
  }
  return [node.attributes.units];
}

function addShape(node: NodeOf<"add">, first: Shape, second: Shape): Shape {
  if (first.length === second.length && first.every((size, axis) => size === second[axis])) return first;
  throw shapeError(
    node,
    `two inputs of one shape, the first being ${describe(first)}`,
    second,
    "Make both branches end in the same height, width and channels, for example by a 1x1 convolution with strides.",
  );
}

/**
 * The shape that `node` yields for the shapes of its inputs, in order. Throws "shape", naming the layer, the expected and
 * the given shape and the remedy, and "graph" for a wrong number of inputs.
 */
export function outputShape(node: GraphNode, inputShapes: readonly Shape[]): Shape {
  if (node.op === "input") return node.attributes.shape;
  const [first, second] = inputShapes;
  if (first === undefined || (node.op === "add" && second === undefined)) {
    throw new ProxbitError(
      "graph",
      `layer "${node.name}": ${node.op} was given ${inputShapes.length} inputs`,
      node.op === "add" ? "Apply it to two tensors: layers.add().apply([a, b])." : "Apply it to one tensor.",
    );
  }
  switch (node.op) {
    case "conv2d":
    case "maxPool2d":
    case "avgPool2d": {
      const geometry = convGeometry(node, first);
      return [geometry.outHeight, geometry.outWidth, geometry.filters];
    }
    case "globalAvgPool2d":
      return [convGeometry(node, first).filters];
    case "dense":
      return denseShape(node, first);
    case "flatten":
      return [elementsOf(first)];
    case "batchNorm":
    case "activation":
    case "shift":
    case "prelu":
    case "adaptiveSign":
      return first;
    case "add":
      return addShape(node, first, second ?? first);
  }
}

/** The output shape of every node of a graph, by name, in the graph's order. Throws as `outputShape` does. */
export function shapesOf(graph: Graph): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const node of graph.nodes) {
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
    shapes.set(node.name, outputShape(node, inputs));
  }
  return shapes;
}

/** The shape of the graph's one input. Throws "graph" where there is none. */
export function inputShapeOf(graph: Graph): Shape {
  const input = graph.nodes.find((node) => node.op === "input");
  if (input?.op !== "input") throw new ProxbitError("graph", `graph "${graph.name}" has no input`, "Give it one.");
  return input.attributes.shape;
}
