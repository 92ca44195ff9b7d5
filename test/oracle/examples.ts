/**
 * Nodes of every operation by themselves, over inputs of every number of axes that they take. The table is typed over the
 * names, so that an operation without an example does not compile.
 */
import type { Borders, NodeOf, Operation, OpName, Shape } from "../../ts/nn/graph.ts";
import { input, layers } from "../../ts/nn/index.ts";
import type { Layer } from "../../ts/nn/layer.ts";
import { type OpsThat, opNames } from "../../ts/nn/ops/index.ts";
import { learnedNumbers } from "../../ts/quantizers/operand-kinds.ts";
import type { Quantizer } from "../../ts/quantizers/quantizer.ts";
import { standardizedWeights, weightScale } from "../../ts/quantizers/weight-quantizers.ts";
import { at, type Value } from "./layers.ts";
import { line, operandLine } from "./line.ts";
import { oracleOps } from "./ops/index.ts";
import { multiplied } from "./ops/matmul.ts";
import type { Applied } from "./ops/op.ts";
import { straightAttention } from "./straight-attention.ts";

/**
 * The forward pass whose true gradient at `from` is the stated one: for a straight-through operation, what jumps is a
 * straight line through its value there, as steep as stated.
 */
type Straight<Name extends OpName> = (from: Applied<Name>, moved: Applied<Name>) => Value;

export interface Example<Name extends OpName> {
  readonly operation: Operation & { readonly op: Name };
  /** The shapes of its inputs; for an operation without inputs that of the network's. */
  readonly shapes: readonly Shape[];
  /** Absent where the forward pass is smooth itself. A method, so that an example can stand where the name is not known. */
  straight?(from: Applied<Name>, moved: Applied<Name>): Value;
}

/** The operation of a layer, which the caller knows. */
const operationOf = <Name extends OpName>(layer: Layer): Operation & { readonly op: Name } =>
  layer.operation as Operation & { readonly op: Name };

function example<Name extends OpName>(
  layer: Layer,
  shapes: readonly Shape[],
  straight?: Straight<Name>,
): Example<Name> {
  return { operation: operationOf<Name>(layer), shapes, ...(straight === undefined ? {} : { straight }) };
}

/** One shape for each number of axes. */
const shapesOfAnyRank: readonly Shape[] = [[7], [3, 4], [2, 3, 4], [2, 2, 1, 3]];

/** A layer over one input of any number of axes. */
const anyRank = <Name extends OpName>(layer: Layer, straight?: Straight<Name>): readonly Example<Name>[] =>
  shapesOfAnyRank.map((shape) => example<Name>(layer, [shape], straight));

type ProductName = OpsThat<"kernel">;

/** The real product of operands that follow straight lines. A scale is a constant. Weights may be standardised. */
function straightOperands(from: Applied<ProductName>, moved: Applied<ProductName>, filters: number) {
  const { node, pass, parameter } = from;
  const { weightQuantizer } = node.attributes;
  const real = { weightQuantizer: null, activationQuantizer: null, accumulator: null };
  const [x, z] = [from.inputs[0], moved.inputs[0]];
  const data = operandLine(from, moved, 0, x.data, z.data);
  const [w, v] = [parameter("kernel"), moved.parameter("kernel")];
  const kernelOf = (quantizer: Quantizer): Float64Array => {
    const { value, slope } = standardizedWeights(quantizer, w, filters);
    const scale = weightScale(quantizer, w, filters);
    const near = value.map((own, i) => own + at(slope, i) * (at(v, i) - at(w, i)));
    const mapped = line(quantizer, pass.progress, value, near);
    return scale === null ? mapped : mapped.map((own, i) => own * at(scale, i % filters));
  };
  const isPlain = weightQuantizer === null || learnedNumbers(weightQuantizer).length > 0;
  const kernel = isPlain ? operandLine(from, moved, "kernel", w, v) : kernelOf(weightQuantizer);
  return {
    real,
    inputs: [{ ...z, data }] as const,
    parameter: (key: string) => (key === "kernel" ? kernel : moved.parameter(key)),
  };
}

const straightConv: Straight<"conv2d"> = (from, moved) => {
  const { real, ...operands } = straightOperands(from, moved, from.node.attributes.filters);
  const node: NodeOf<"conv2d"> = { ...moved.node, attributes: { ...moved.node.attributes, ...real } };
  return oracleOps.conv2d.forward({ ...moved, ...operands, node });
};

const straightDepthwise: Straight<"depthwiseConv2d"> = (from, moved) => {
  const filters = (from.inputs[0].shape[2] as number) * from.node.attributes.depthMultiplier;
  const { real, ...operands } = straightOperands(from, moved, filters);
  const node: NodeOf<"depthwiseConv2d"> = { ...moved.node, attributes: { ...moved.node.attributes, ...real } };
  return oracleOps.depthwiseConv2d.forward({ ...moved, ...operands, node });
};

const straightDense: Straight<"dense"> = (from, moved) => {
  const { real, ...operands } = straightOperands(from, moved, from.node.attributes.units);
  const node: NodeOf<"dense"> = { ...moved.node, attributes: { ...moved.node.attributes, ...real } };
  return oracleOps.dense.forward({ ...moved, ...operands, node });
};

/** |alpha| s(u) + beta, where s goes through sign(u) with Bi-Real's slope 2 - 2 |u|, 0 beyond 1. */
const straightSign: Straight<"adaptiveSign"> = (from, moved) => {
  const unit = ({ inputs: [x], parameter }: Applied<"adaptiveSign">): Float64Array =>
    x.data.map((value) => (value - at(parameter("beta"), 0)) / Math.abs(at(parameter("alpha"), 0)));
  const [before, after] = [unit(from), unit(moved)];
  const [alpha, beta] = [at(moved.parameter("alpha"), 0), at(moved.parameter("beta"), 0)];
  const data = before.map((u, i) => {
    const steepness = Math.abs(u) > 1 ? 0 : 2 - 2 * Math.abs(u);
    return Math.abs(alpha) * (Math.sign(u) + steepness * (at(after, i) - u)) + beta;
  });
  return { ...moved.inputs[0], data };
};

/** A product of operands that follow straight lines. */
const straightMatmul: Straight<"matmul"> = (from, moved) => {
  const [a, b] = moved.inputs.map((to, place) =>
    operandLine(from, moved, place, (from.inputs[place] as Value).data, to.data),
  ) as [Float64Array, Float64Array];
  return multiplied(moved, [a, b]);
};

/** Quantizers of a product's operands as those of a product of two values. */
const sides = ({
  weightQuantizer,
  activationQuantizer,
}: Record<"weightQuantizer" | "activationQuantizer", string>) => ({
  firstQuantizer: activationQuantizer,
  secondQuantizer: weightQuantizer,
});

const image: readonly Shape[] = [[5, 4, 3]];
const wide: readonly Shape[] = [[4, 3, 6]];
const binary = { weightQuantizer: "bnn", activationQuantizer: "poly" } as const;
const activations = (activationQuantizer: string) => ({ activationQuantizer });
/** Numbers that the layer learns for both operands. */
const learned = { weightQuantizer: "elastic-unit", activationQuantizer: "elastic" } as const;
const learnedToo = { weightQuantizer: "elastic", activationQuantizer: "elastic-unit" } as const;
const smooth = { weightQuantizer: "bnn++", activationQuantizer: "bnn++" } as const;

/** Query, key and value of one shape. */
const pairsOf = (shape: Shape): readonly Shape[] => [shape, shape, shape];
/** Keys and values are more than queries, and a head has other features of a value. */
const unequal: readonly Shape[] = [
  [2, 6],
  [3, 6],
  [3, 3],
];
const soft = { queryQuantizer: "bnn++", keyQuantizer: "bnn++", valueQuantizer: "bnn++" } as const;
const hard = { queryQuantizer: "poly", keyQuantizer: "poly", valueQuantizer: "poly" } as const;

/** No two sides are alike, and a window of one row lies outside the image. */
const borders: Borders = [
  [1, 0],
  [2, 1],
];

export const examples: { readonly [Name in OpName]: readonly Example<Name>[] } = {
  input: [[7], [5, 4, 3]].map((shape) => example<"input">(input({ shape }).layer, [shape])),
  conv2d: [
    example(layers.conv2d({ filters: 3, kernelSize: [3, 2], strides: [1, 2], padding: "same" }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 2, padding: "same", padValue: "one", useBias: false }), image),
    example(layers.conv2d({ filters: 3, kernelSize: [2, 3], strides: 2 }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 3, padding: "same", ...smooth }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 3, padding: "same", ...binary }), image, straightConv),
    example(layers.conv2d({ filters: 2, kernelSize: 2, weightQuantizer: "xnor" }), image, straightConv),
    example(layers.conv2d({ filters: 2, kernelSize: 3, ...binary, accumulator: "wrap" }), image, straightConv),
    example(layers.conv2d({ filters: 2, kernelSize: [1, 2], strides: [2, 1], padding: borders }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 2, padding: 1, padValue: "one" }), image),
    example(layers.conv2d({ filters: 3, kernelSize: [3, 2], dilationRate: [2, 1], padding: "same" }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 3, padding: borders, ...smooth }), image),
    example(layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: [1, 2], ...binary }), image, straightConv),
    example(
      layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, ...binary, accumulator: "saturate" }),
      image,
      straightConv,
    ),
    example(layers.conv2d({ filters: 4, kernelSize: [3, 2], groups: 2, padding: "same" }), wide),
    example(layers.conv2d({ filters: 3, kernelSize: 2, groups: 3, strides: 2, useBias: false, ...smooth }), wide),
    example(layers.conv2d({ filters: 6, kernelSize: 2, groups: 6, padding: 1, ...binary }), wide, straightConv),
    example(
      layers.conv2d({ filters: 2, kernelSize: 2, groups: 2, dilationRate: [1, 2], ...binary, accumulator: "wrap" }),
      wide,
      straightConv,
    ),
    example(layers.conv2d({ filters: 2, kernelSize: 2, padding: "same", ...learned }), image, straightConv),
    example(layers.conv2d({ filters: 2, kernelSize: [2, 3], groups: 2, ...learnedToo }), wide, straightConv),
  ],
  depthwiseConv2d: [
    example(layers.depthwiseConv2d({ kernelSize: [3, 2], strides: [1, 2], padding: "same" }), image),
    example(layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, useBias: false }), image),
    example(layers.depthwiseConv2d({ kernelSize: 2, dilationRate: [2, 1], padding: borders }), image),
    example(layers.depthwiseConv2d({ kernelSize: 3, padding: "same", ...smooth }), image),
    example(layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, ...binary }), image, straightDepthwise),
    example(layers.depthwiseConv2d({ kernelSize: 3, weightQuantizer: "xnor" }), image, straightDepthwise),
    example(layers.depthwiseConv2d({ kernelSize: 2, ...learned }), image, straightDepthwise),
  ],
  dense: [
    example(layers.dense({ units: 4 }), [[6]]),
    example(layers.dense({ units: 4, ...smooth, useBias: false }), [[6]]),
    example(layers.dense({ units: 4, ...binary, weightQuantizer: "biper" }), [[6]], straightDense),
    example(layers.dense({ units: 3, ...binary, accumulator: "saturate" }), [[6]], straightDense),
    example(layers.dense({ units: 5 }), [[3, 4]]),
    example(layers.dense({ units: 3, ...smooth }), [[2, 3, 4]]),
    example(layers.dense({ units: 2, ...binary, weightQuantizer: "xnor" }), [[2, 2, 1, 3]], straightDense),
    example(layers.dense({ units: 3, ...binary, accumulator: "wrap" }), [[3, 6]], straightDense),
    example(layers.dense({ units: 3, ...learned }), [[6]], straightDense),
    example(layers.dense({ units: 3, ...binary, ...activations("elastic") }), [[3, 6]], straightDense),
    example(layers.dense({ units: 3, ...activations("elastic-unit"), useBias: false }), [[6]], straightDense),
  ],
  batchNorm: anyRank(layers.batchNorm({ epsilon: 0.01 })),
  layerNorm: anyRank(layers.layerNorm({ epsilon: 0.01 })),
  maxPool2d: [
    example(layers.maxPool2d(), image),
    example(layers.maxPool2d({ poolSize: 3, strides: 2, padding: "same" }), image),
    example(layers.maxPool2d({ poolSize: [2, 3], strides: [2, 1], padding: borders }), image),
  ],
  avgPool2d: [
    example(layers.avgPool2d(), image),
    example(layers.avgPool2d({ poolSize: [3, 2], strides: [2, 1], padding: "same" }), image),
    example(layers.avgPool2d({ poolSize: [2, 3], strides: 2, padding: borders }), image),
  ],
  globalAvgPool2d: [example(layers.globalAvgPool2d(), image)],
  activation: [...anyRank<"activation">(layers.relu()), ...anyRank<"activation">(layers.hardTanh())],
  leakyRelu: anyRank(layers.leakyRelu()),
  elu: anyRank(layers.elu({ alpha: 0.7 })),
  shift: anyRank(layers.shift()),
  prelu: anyRank(layers.prelu()),
  adaptiveSign: anyRank(layers.adaptiveSign(), straightSign),
  softmax: anyRank(layers.softmax()),
  flatten: anyRank(layers.flatten()),
  add: shapesOfAnyRank.map((shape) => example<"add">(layers.add(), [shape, shape])),
  concatenate: [
    example(layers.concatenate(), [[7], [2]]),
    example(layers.concatenate(), [
      [3, 4],
      [3, 1],
    ]),
    example(layers.concatenate({ axis: 0 }), [
      [2, 4],
      [3, 4],
    ]),
    example(layers.concatenate({ axis: 1 }), [
      [2, 3, 4],
      [2, 1, 4],
    ]),
    example(layers.concatenate({ axis: -3 }), [
      [2, 2, 1, 3],
      [2, 3, 1, 3],
    ]),
  ],
  multiply: shapesOfAnyRank.map((shape) => example<"multiply">(layers.multiply(), [shape, shape])),
  matmul: [
    example(layers.matmul(), [
      [3, 4],
      [4, 2],
    ]),
    example(layers.matmul({ transposeSecond: true, ...sides(smooth) }), [
      [2, 3, 4],
      [2, 5, 4],
    ]),
    example(
      layers.matmul({ ...sides(binary) }),
      [
        [3, 5],
        [5, 2],
      ],
      straightMatmul,
    ),
    example(
      layers.matmul({ transposeSecond: true, ...sides(binary) }),
      [
        [3, 5],
        [2, 5],
      ],
      straightMatmul,
    ),
    example(
      layers.matmul({ ...sides(binary) }),
      [
        [3, 2, 5],
        [3, 5, 4],
      ],
      straightMatmul,
    ),
    ...[learned, learnedToo].map((own) =>
      example<"matmul">(
        layers.matmul({ ...sides(own) }),
        [
          [3, 5],
          [5, 2],
        ],
        straightMatmul,
      ),
    ),
  ],
  attention: [
    example(layers.attention({ heads: 1 }), pairsOf([3, 4])),
    example(layers.attention({ heads: 3, ...soft }), unequal),
    example(layers.attention({ heads: 3, ...hard }), unequal, straightAttention),
    example(layers.attention({ heads: 2, matrix: "threshold" }), pairsOf([3, 6]), straightAttention),
    example(layers.attention({ heads: 3, matrix: "elastic" }), unequal, straightAttention),
    example(layers.attention({ heads: 1, matrix: "boolean" }), pairsOf([4, 2]), straightAttention),
    example(layers.attention({ heads: 3, matrix: "sign", ...soft }), unequal, straightAttention),
    example(layers.attention({ heads: 1, matrix: "threshold", ...hard }), pairsOf([1, 3]), straightAttention),
    example(layers.attention({ heads: 3, matrix: "elastic", ...hard }), unequal, straightAttention),
    example(layers.attention({ heads: 3, matrix: "boolean", ...hard }), unequal, straightAttention),
    example(
      layers.attention({
        ...{ heads: 3, queryQuantizer: "elastic", keyQuantizer: "elastic", valueQuantizer: "elastic-unit" },
      }),
      unequal,
      straightAttention,
    ),
  ],
  reshape: [
    example(layers.reshape({ targetShape: [7, 1] }), [[7]]),
    example(layers.reshape({ targetShape: [-1, 2] }), [[3, 4]]),
    example(layers.reshape({ targetShape: [2, 3, 2, -1] }), [[2, 3, 4]]),
    example(layers.reshape({ targetShape: [4, -1] }), [[2, 2, 1, 3]]),
  ],
  permute: [
    example(layers.permute({ dims: [1] }), [[7]]),
    example(layers.permute({ dims: [2, 1] }), [[3, 4]]),
    example(layers.permute({ dims: [3, 1, 2] }), [[2, 3, 4]]),
    example(layers.permute({ dims: [4, 2, 1, 3] }), [[2, 4, 1, 3]]),
  ],
  upSampling2d: [
    example(layers.upSampling2d(), image),
    example(layers.upSampling2d({ size: [1, 3] }), image),
    example(layers.upSampling2d({ size: [3, 2], interpolation: "bilinear" }), image),
  ],
  zeroPadding2d: [
    example(layers.zeroPadding2d({ padding: 2 }), image),
    example(
      layers.zeroPadding2d({
        padding: [
          [0, 1],
          [2, 1],
        ],
      }),
      image,
    ),
  ],
  dropout: anyRank(layers.dropout({ rate: 0.3 })),
  dropPath: anyRank(layers.dropPath({ rate: 0.4 })),
  layerScale: anyRank(layers.layerScale()),
  positionEmbedding: anyRank(layers.positionEmbedding()),
  classToken: [example(layers.classToken(), [[3, 4]])],
  slice: [
    example(layers.slice(), [[7]]),
    example(layers.slice({ start: 1, size: 2 }), [[3, 4]]),
    example(layers.slice({ axis: 1, size: 2 }), [[2, 3, 4]]),
    example(layers.slice({ axis: -1, start: 2 }), [[2, 2, 1, 3]]),
  ],
  globalAvgPool1d: [example(layers.globalAvgPool1d(), [[3, 4]])],
  unitDeviation: anyRank(layers.unitDeviation({ epsilon: 1e-2 })),
};

/** An example under its name in the table, with a title. */
interface Named {
  readonly name: OpName;
  readonly title: string;
  readonly example: Example<OpName>;
}

/** All of them. */
export const everyExample: readonly Named[] = opNames.flatMap((name) =>
  (examples[name] as readonly Example<OpName>[]).map((own, number) => {
    const shapes = own.shapes.map((shape) => `[${shape.join(", ")}]`).join(" and ");
    return { name, title: `${name} ${number + 1} over ${shapes}`, example: own };
  }),
);
