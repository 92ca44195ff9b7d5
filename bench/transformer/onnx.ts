/**
 * A float transformer of ours as an ONNX model: in f32, or with its linear layers in bytes.
 *
 * Attention, GELU and layer norm are operators of onnxruntime's own or of ONNX, one each, as its optimizer for transformers
 * leaves them. In bytes, a linear layer is what onnxruntime's dynamic quantization makes of it: uint8 inputs by the range of the
 * tensor at hand, int8 weights with a scale for each layer, sums of 32 bits. The rest stays in f32, as it does there.
 */
import type { Graph, GraphNode, Shape } from "../../ts/nn/graph.ts";
import { inputShapeOf, shapesOf } from "../../ts/nn/network.ts";
import type { FloatTensor } from "../network/network-weights.ts";
import { filtersFirst } from "../network/onnx.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../peers/onnx.ts";

type Weights = ReadonlyMap<string, FloatTensor>;
type Attributes = NonNullable<OnnxNode["attributes"]>;

const MICROSOFT = "com.microsoft";

/** The graph in f32, or with linear layers in bytes. */
export function transformerModel(graph: Graph, weights: Weights, inBytes: boolean): OnnxModel {
  const nodes: OnnxNode[] = [];
  const constants: OnnxTensor[] = [];
  const shapes = shapesOf(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) as Shape;
  const emit = (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Attributes = {},
    domain?: string,
  ) => {
    nodes.push({ op, inputs, output, attributes, ...(domain === undefined ? {} : { domain }) });
    return output;
  };
  const constant = (tensor: OnnxTensor): string => {
    constants.push(tensor);
    return tensor.name;
  };
  const floats = (name: string, { shape, data }: FloatTensor): string =>
    constant({ name, type: "float32", dims: shape, data });
  const weight = ({ name }: GraphNode, key: string): FloatTensor => weights.get(`${name}/${key}`) as FloatTensor;
  const whole = (name: string, values: readonly number[]): string =>
    constant({ name, type: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });

  const dense = (node: GraphNode, x: string): void => {
    const { name } = node;
    const kernel = weight(node, "kernel");
    const bias = floats(`${name}/bias`, weight(node, "bias"));
    if (!inBytes) {
      emit("MatMul", [x, floats(`${name}/kernel`, kernel)], `${name}/product`);
      emit("Add", [`${name}/product`, bias], name);
      return;
    }
    const scale = kernel.data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 127;
    const bytes = Int8Array.from(kernel.data, (value) => Math.round(value / scale));
    const w = constant({ name: `${name}/kernel`, type: "int8", dims: kernel.shape, data: bytes });
    const step = constant({ name: `${name}/scale`, type: "float32", dims: [1], data: Float32Array.of(scale) });
    const zero = constant({ name: `${name}/zero`, type: "int8", dims: [1], data: Int8Array.of(0) });
    emit("DynamicQuantizeMatMul", [x, w, step, zero, bias], name, {}, MICROSOFT);
  };

  const convolution = (node: GraphNode & { readonly op: "conv2d" }, x: string): void => {
    const { name } = node;
    const { kernelSize, strides } = node.attributes;
    const [height, width, channels] = shapeOf(name) as [number, number, number];
    const kernel = floats(`${name}/kernel`, filtersFirst(weight(node, "kernel")));
    const window = { kernel_shape: kernelSize, strides, pads: [0, 0, 0, 0] };
    emit("Conv", [x, kernel, floats(`${name}/bias`, weight(node, "bias"))], `${name}/image`, window);
    const rows = emit(
      "Reshape",
      [`${name}/image`, whole(`${name}/rows`, [1, channels, height * width])],
      `${name}/tokens`,
    );
    emit("Transpose", [rows], name, { perm: [0, 2, 1] });
  };

  const operators: { readonly [Op in GraphNode["op"]]?: (node: GraphNode, inputs: readonly string[]) => void } = {
    input: () => {},
    conv2d: (node, [x = ""]) => convolution(node as GraphNode & { readonly op: "conv2d" }, x),
    reshape: ({ name }, [x = ""]) => emit("Reshape", [x, whole(`${name}/shape`, [1, ...shapeOf(name)])], name),
    flatten: ({ name }, [x = ""]) => emit("Reshape", [x, whole(`${name}/shape`, [1, ...shapeOf(name)])], name),
    classToken: (node, [x = ""]) => {
      const { shape, data } = weight(node, "token");
      emit("Concat", [floats(`${node.name}/token`, { shape: [1, 1, ...shape], data }), x], node.name, { axis: 1 });
    },
    positionEmbedding: (node, [x = ""]) =>
      emit("Add", [x, floats(`${node.name}/positions`, weight(node, "positions"))], node.name),
    layerNorm: (node, [x = ""]) => {
      const [gamma, beta] = ["gamma", "beta"].map((key) => floats(`${node.name}/${key}`, weight(node, key)));
      emit("LayerNormalization", [x, gamma as string, beta as string], node.name);
    },
    dense: (node, [x = ""]) => dense(node, x),
    attention: (node, inputs) => {
      const { heads } = (node as GraphNode & { readonly op: "attention" }).attributes;
      emit("MultiHeadAttention", inputs, node.name, { num_heads: heads }, MICROSOFT);
    },
    activation: ({ name }, [x = ""]) => emit("Gelu", [x], name, {}, MICROSOFT),
    add: ({ name }, inputs) => emit("Add", inputs, name),
    // The class token stands first.
    slice: ({ name }, [x = ""]) =>
      emit("Slice", [x, whole(`${name}/0`, [0]), whole(`${name}/1`, [1]), whole(`${name}/axis`, [1])], name),
  };
  for (const node of graph.nodes) {
    const operator = operators[node.op];
    if (operator === undefined) throw new Error(`${node.name}: a ${node.op} has no form in ONNX here`);
    operator(node, node.inputs);
  }
  const [height, width, channels] = inputShapeOf(graph) as [number, number, number];
  const input = graph.nodes.find(({ op }) => op === "input")?.name as string;
  return {
    ...{ nodes, constants, opset: 17 },
    input: { name: input, type: "float32", dims: [1, channels, height, width] },
    output: { name: graph.output, type: "float32", dims: [1, ...shapeOf(graph.output)] },
  };
}
