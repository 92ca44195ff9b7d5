/**
 * ONNX models, written byte by byte, as onnxruntime-web is measured with them. Fields are numbered as in onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Only the necessary fields stand here.
 */
import { type Field, message } from "./protobuf.ts";

/** Element types, by their numbers in TensorProto.DataType. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export type ElementType = keyof typeof elementTypes;

/** A constant of the graph; a scalar where `dims` is empty. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;
}

export interface OnnxNode {
  readonly op: string;
  /** Absent for ONNX's own operators; "com.microsoft" for those that onnxruntime adds. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole numbers and lists of them, none below zero. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  readonly input: OnnxValue;
  readonly output: OnnxValue;
  /** The version of ONNX's own operators. Default 13. */
  readonly opset?: number;
}

/** AttributeProto.type of one integer and of a list. */
const [INTEGER, INTEGERS] = [2, 7] as const;

/** The model as the bytes of a file. */
export function encodeOnnx({ nodes, constants, input, output, opset = 13 }: OnnxModel): Uint8Array<ArrayBuffer> {
  const graph: Field[] = [
    ...nodes.map((node): Field => [1, encodeNode(node)]),
    [2, "graph"],
    ...constants.map((tensor): Field => [5, encodeTensor(tensor)]),
    [11, encodeValue(input)],
    [12, encodeValue(output)],
  ];
  const operators = (domain: string, version: number): Field => [
    8,
    message([
      [1, domain],
      [2, version],
    ]),
  ];
  return message([[1, 8], [7, graph], operators("", opset), operators("com.microsoft", 1)]);
}

function encodeNode({ op, domain, inputs, output, attributes = {} }: OnnxNode): readonly Field[] {
  return [
    ...inputs.map((name): Field => [1, name]),
    [2, output],
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => {
      const numbers: readonly Field[] =
        typeof value === "number"
          ? [
              [3, value],
              [20, INTEGER],
            ]
          : [...value.map((one): Field => [8, one]), [20, INTEGERS]];
      return [5, [[1, name], ...numbers]];
    }),
    ...(domain === undefined ? [] : [[7, domain] as const]),
  ];
}

function encodeTensor({ name, type, dims, data }: OnnxTensor): readonly Field[] {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [...dims.map((dim): Field => [1, dim]), [2, elementTypes[type]], [8, name], [9, bytes]];
}

function encodeValue({ name, type, dims }: OnnxValue): readonly Field[] {
  const shape = dims.map((dim): Field => [1, [[1, dim]]]);
  const tensorType: readonly Field[] = [
    [1, elementTypes[type]],
    [2, shape],
  ];
  return [
    [1, name],
    [2, [[1, tensorType]]],
  ];
}
