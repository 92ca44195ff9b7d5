/**
 * A quantised convolution as an ONNX model of one node, written byte by byte: what onnxruntime-web is measured with. Fields are
 * numbered as in onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); only those that are needed stand here.
 */

/** Protocol-buffer wire format: a field is its number and wire type as one varint, then a varint or length and bytes. */
type Field = readonly [number: number, value: number | string | Uint8Array | readonly Field[]];

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

function message(fields: readonly Field[]): Uint8Array {
  const parts = fields.map(([number, value]): Uint8Array => {
    if (typeof value === "number") return Uint8Array.from([...varint(8 * number), ...varint(value)]);
    const bytes =
      typeof value === "string"
        ? new TextEncoder().encode(value)
        : value instanceof Uint8Array
          ? value
          : message(value);
    const head = [...varint(8 * number + 2), ...varint(bytes.length)];
    const part = new Uint8Array(head.length + bytes.length);
    part.set(head);
    part.set(bytes, head.length);
    return part;
  });
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;

const tensor = (name: string, type: number, dims: readonly number[], bytes: Uint8Array): Field => [
  5,
  [...dims.map((dim): Field => [1, dim]), [2, type], [8, name], [9, bytes]],
];

const scalar = (name: string, value: number): Field =>
  tensor(name, FLOAT, [], new Uint8Array(Float32Array.of(value).buffer));

const valueInfo = (name: string, dims: readonly number[]): Field[] => {
  const shape = dims.map((dim): Field => [1, [[1, dim]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, UINT8],
            [2, shape],
          ],
        ],
      ],
    ],
  ];
};

const integers = (name: string, values: readonly number[]): Field => [
  5,
  [[1, name], ...values.map((value): Field => [8, value]), [20, 7]],
];

export interface QuantisedConv {
  /** Height and width of the image; input and output are `[1][channels][size][size]`. */
  readonly size: number;
  readonly channels: number;
  readonly filters: number;
  /** `[filters][channels][3][3]`. */
  readonly weights: Int8Array<ArrayBuffer>;
  /** The zero point of the input, whose scale is 1. */
  readonly inputZero: number;
  /** The output is `round(sum / outputScale) + outputZero`, saturated. */
  readonly outputScale: number;
  readonly outputZero: number;
}

/** A 3x3 QLinearConv with stride 1 and SAME zero padding, uint8 activations and int8 weights, as the bytes of a model. */
export function quantisedConvModel(conv: QuantisedConv): Uint8Array {
  const image = (channels: number) => [1, channels, conv.size, conv.size];
  const inputs = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"];
  const node: Field[] = [
    ...inputs.map((name): Field => [1, name]),
    [2, "y"],
    [4, "QLinearConv"],
    integers("kernel_shape", [3, 3]),
    integers("pads", [1, 1, 1, 1]),
    integers("strides", [1, 1]),
  ];
  const graph: Field[] = [
    [1, node],
    [2, "conv"],
    scalar("x_scale", 1),
    tensor("x_zero", UINT8, [], Uint8Array.of(conv.inputZero)),
    tensor("w", INT8, [conv.filters, conv.channels, 3, 3], new Uint8Array(conv.weights.buffer)),
    scalar("w_scale", 1),
    tensor("w_zero", INT8, [], Uint8Array.of(0)),
    scalar("y_scale", conv.outputScale),
    tensor("y_zero", UINT8, [], Uint8Array.of(conv.outputZero)),
    [11, valueInfo("x", image(conv.channels))],
    [12, valueInfo("y", image(conv.filters))],
  ];
  return message([
    [1, 8],
    [7, graph],
    [
      8,
      [
        [1, ""],
        [2, 13],
      ],
    ],
  ]);
}
