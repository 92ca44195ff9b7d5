/** A graph of ours as an ONNX model, in f32 or wholly quantised to bytes. ONNX lays images out as NCHW, kernels as OIHW. */
import type { Graph, NodeOf, Shape } from "../../ts/nn/graph.ts";
import { inputShapeOf, shapesOf } from "../../ts/nn/network.ts";
import { convGeometry } from "../../ts/nn/nodes.ts";
import { extentOf } from "../../ts/nn/windows.ts";
import type { ElementType, OnnxModel, OnnxNode, OnnxTensor } from "../peers/onnx.ts";
import type { FloatTensor } from "./network-weights.ts";

type Weights = ReadonlyMap<string, FloatTensor>;

/** Smallest and largest value of every node, for its quantised form. */
export type Ranges = ReadonlyMap<string, readonly [number, number]>;

/** The common part of both forms: nodes become operators. */
interface Form {
  readonly type: ElementType;
  readonly conv: (node: NodeOf<"conv2d">, input: string, attributes: Attributes) => void;
  readonly dense: (node: NodeOf<"dense">, input: string) => void;
  readonly maxPool: (name: string, input: string, attributes: Attributes) => void;
  readonly averagePool: (name: string, input: string, attributes: Attributes) => void;
  readonly globalAveragePool: (name: string, input: string) => void;
  readonly relu: (name: string, input: string) => void;
  readonly add: (name: string, inputs: readonly [string, string]) => void;
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

interface Builder {
  readonly node: (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes?: Attributes,
    domain?: string,
  ) => void;
  readonly constant: (tensor: OnnxTensor) => string;
}

function build(graph: Graph, form: (builder: Builder) => Form): OnnxModel {
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, OnnxTensor>();
  const shapes = shapesOf(graph);
  const { type, conv, dense, maxPool, averagePool, globalAveragePool, relu, add } = form({
    node: (op, inputs, output, attributes = {}, domain) => {
      nodes.push({ op, inputs, output, attributes, ...(domain === undefined ? {} : { domain }) });
    },
    constant: (tensor) => {
      constants.set(tensor.name, tensor);
      return tensor.name;
    },
  });
  // A folded batch norm is its convolution under another name.
  const names = new Map<string, string>();
  const nameOf = (name: string): string => names.get(name) ?? name;
  const window = (node: NodeOf<"conv2d"> | NodeOf<"maxPool2d"> | NodeOf<"avgPool2d">): Attributes => {
    const g = convGeometry(node, shapes.get(node.inputs[0]) as Shape);
    const after = (size: number, kernel: number, stride: number, out: number, before: number): number =>
      Math.max(0, (out - 1) * stride + kernel - size - before);
    const dilations = [g.dilationHeight, g.dilationWidth] as const;
    const [extentHeight, extentWidth] = extentOf([g.kernelHeight, g.kernelWidth], dilations);
    const bottom = after(g.height, extentHeight, g.strideHeight, g.outHeight, g.padTop);
    const right = after(g.width, extentWidth, g.strideWidth, g.outWidth, g.padLeft);
    return {
      kernel_shape: [g.kernelHeight, g.kernelWidth],
      strides: [g.strideHeight, g.strideWidth],
      pads: [g.padTop, g.padLeft, bottom, right],
      ...(node.op === "conv2d" ? { dilations } : {}),
    };
  };
  for (const node of graph.nodes) {
    const { name } = node;
    const [first, second] = node.inputs.map(nameOf) as [string, string];
    if (node.op === "conv2d") conv(node, first, window(node));
    else if (node.op === "dense") dense(node, first);
    else if (node.op === "maxPool2d") maxPool(name, first, window(node));
    else if (node.op === "avgPool2d") averagePool(name, first, window(node));
    else if (node.op === "globalAvgPool2d") globalAveragePool(name, first);
    else if (node.op === "activation" && node.attributes.activation === "relu") relu(name, first);
    else if (node.op === "add") add(name, [first, second]);
    else if (node.op === "batchNorm") names.set(name, first);
    else if (node.op !== "input") throw new Error(`${name}: a ${node.op} has no form in ONNX here`);
  }
  const input = graph.nodes.find(({ op }) => op === "input")?.name as string;
  const [height, width, channels] = inputShapeOf(graph) as [number, number, number];
  const classes = shapes.get(graph.output) as Shape;
  return {
    ...{ nodes, constants: [...constants.values()] },
    input: { name: input, type, dims: [1, channels, height, width] },
    output: { name: nameOf(graph.output), type, dims: [1, ...classes] },
  };
}

/** HWIO to OIHW. */
export function filtersFirst({ shape, data }: FloatTensor): FloatTensor {
  const [height, width, channels, filters] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  const taps = height * width;
  for (const [at, value] of data.entries()) {
    const [row, filter] = [Math.floor(at / filters), at % filters];
    out[(filter * channels + (row % channels)) * taps + Math.floor(row / channels)] = value;
  }
  return { shape: [filters, channels, height, width], data: out };
}

/** The graph in f32. */
export function floatModel(graph: Graph, weights: Weights): OnnxModel {
  return build(graph, ({ node, constant }) => {
    const float = (name: string, { shape, data }: FloatTensor): string =>
      constant({ name, type: "float32", dims: shape, data });
    const weight = (name: string): FloatTensor => weights.get(name) as FloatTensor;
    const bias = (name: string): string => float(`${name}/bias`, weight(`${name}/bias`));
    return {
      type: "float32",
      conv: ({ name }, input, attributes) => {
        const kernel = float(`${name}/kernel`, filtersFirst(weight(`${name}/kernel`)));
        node("Conv", [input, kernel, bias(name)], name, attributes);
      },
      dense: ({ name }, input) => {
        node("Gemm", [input, float(`${name}/kernel`, weight(`${name}/kernel`)), bias(name)], name);
      },
      maxPool: (name, input, attributes) => node("MaxPool", [input], name, attributes),
      averagePool: (name, input, attributes) => node("AveragePool", [input], name, attributes),
      globalAveragePool: (name, input) => {
        node("GlobalAveragePool", [input], `${name}/1x1`);
        node("Flatten", [`${name}/1x1`], name);
      },
      relu: (name, input) => node("Relu", [input], name),
      add: (name, inputs) => node("Add", inputs, name),
    };
  });
}

/**
 * The graph in bytes from its input to its output. Activations are uint8. Each node has a scale and zero point out of
 * `ranges`; max-pool and relu have those of their input. Weights are int8 with a scale for each layer, sums have 32
 * bits. QGemm, QLinearAdd and the average pools are operators that onnxruntime adds to ONNX.
 */
export function quantisedModel(graph: Graph, weights: Weights, ranges: Ranges): OnnxModel {
  return build(graph, ({ node, constant }) => {
    const level = (name: string): readonly [scale: number, zero: number] =>
      levels(ranges.get(name) as [number, number]);
    /** The names of a value's scale and zero point. */
    const pair = (name: string): readonly [string, string] => {
      const [scale, zero] = level(name);
      return [
        constant({ name: `${name}/scale`, type: "float32", dims: [], data: Float32Array.of(scale) }),
        constant({ name: `${name}/zero`, type: "uint8", dims: [], data: Uint8Array.of(zero) }),
      ];
    };
    /** Name, scale and zero point of a kernel of bytes. */
    const kernel = (name: string, { shape, data }: FloatTensor): readonly [string, string, string, number] => {
      const scale = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 127;
      const bytes = Int8Array.from(data, (value) => Math.round(value / scale));
      return [
        constant({ name: `${name}/kernel`, type: "int8", dims: shape, data: bytes }),
        constant({ name: `${name}/kernel_scale`, type: "float32", dims: [], data: Float32Array.of(scale) }),
        constant({ name: `${name}/kernel_zero`, type: "int8", dims: [], data: Int8Array.of(0) }),
        scale,
      ];
    };
    const weight = (name: string): FloatTensor => weights.get(name) as FloatTensor;
    /** The bias of a node whose sums have the unit `step`. */
    const bias = (name: string, step: number): string => {
      const { shape, data } = weight(`${name}/bias`);
      const sums = Int32Array.from(data, (value) => Math.round(value / step));
      return constant({ name: `${name}/bias`, type: "int32", dims: shape, data: sums });
    };
    const microsoft = "com.microsoft";
    return {
      type: "uint8",
      conv: ({ name }, input, attributes) => {
        const [w, scaleName, zeroName, scale] = kernel(name, filtersFirst(weight(`${name}/kernel`)));
        const inputs = [input, ...pair(input), w, scaleName, zeroName, ...pair(name)];
        node("QLinearConv", [...inputs, bias(name, scale * level(input)[0])], name, attributes);
      },
      dense: ({ name }, input) => {
        const [w, scaleName, zeroName, scale] = kernel(name, weight(`${name}/kernel`));
        const inputs = [input, ...pair(input), w, scaleName, zeroName, bias(name, scale * level(input)[0])];
        node("QGemm", [...inputs, ...pair(name)], name, {}, microsoft);
      },
      // A maximum keeps the levels of its input; `ranges` says the same for both.
      maxPool: (name, input, attributes) => node("MaxPool", [input], name, attributes),
      averagePool: (name, input, attributes) =>
        node("QLinearAveragePool", [input, ...pair(input), ...pair(name)], name, attributes, microsoft),
      globalAveragePool: (name, input) => {
        const inputs = [input, ...pair(input), ...pair(name)];
        node("QLinearGlobalAveragePool", inputs, `${name}/1x1`, { channels_last: 0 }, microsoft);
        node("Flatten", [`${name}/1x1`], name);
      },
      // With the same levels on both sides, relu is the maximum with the zero point.
      relu: (name, input) => node("Clip", [input, pair(input)[1]], name),
      add: (name, [a, b]) => node("QLinearAdd", [a, ...pair(a), b, ...pair(b), ...pair(name)], name, {}, microsoft),
    };
  });
}

/** Scale and zero point such that `[low, high]` and 0 lie on the 256 levels. */
function levels([low, high]: readonly [number, number]): readonly [scale: number, zero: number] {
  const [least, most] = [Math.min(0, low), Math.max(0, high, 1e-6)];
  const scale = (most - least) / 255;
  return [scale, Math.round(-least / scale)];
}
