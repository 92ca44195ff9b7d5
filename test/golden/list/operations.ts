/** Operations that no run before them has: functions, norms, axes, branches, and the windows of convolutions beyond strides. */
import { functional, type Graph, input, layers as make, type SymbolicTensor } from "../../../ts/index.ts";
import { around, CLASSES } from "../networks.ts";
import type { Run } from "../run.ts";

const signs = { weightQuantizer: "bnn", activationQuantizer: "poly" } as const;
const body = { filters: 6, kernelSize: 3, padding: "same", useBias: false } as const;

const functions = (): Graph =>
  around([
    make.activation({ activation: "gelu" }),
    make.activation({ activation: "sigmoid" }),
    make.conv2d(body),
    make.activation({ activation: "tanh" }),
    make.activation({ activation: "relu6" }),
    make.conv2d({ ...body, ...signs }),
    make.leakyRelu({ negativeSlope: 0.2 }),
    make.elu({ alpha: 0.7 }),
  ]);

const norms = (): Graph =>
  around([
    make.layerNorm(),
    make.conv2d({ ...body, ...signs }),
    make.layerNorm({ epsilon: 1e-2 }),
    make.dropout({ rate: 0.25 }),
    make.conv2d({ ...body, activationQuantizer: "poly" }),
    make.softmax(),
  ]);

const axes = (): Graph =>
  around([
    make.upSampling2d({ size: [1, 2] }),
    make.permute({ dims: [2, 1, 3] }),
    make.conv2d({ ...body, ...signs }),
    make.batchNorm(),
    make.zeroPadding2d({
      padding: [
        [1, 0],
        [2, 1],
      ],
    }),
    make.reshape({ targetShape: [-1, 5, 6] }),
    make.conv2d({ ...body, ...signs }),
    make.batchNorm(),
  ]);

/** A gate over a stem, joined with what it was a gate over. */
function branches(): Graph {
  const start = input({ shape: [7, 6, 2] });
  const stem = make.batchNorm().apply(make.conv2d(body).apply(start));
  const gate = make.activation({ activation: "sigmoid" }).apply(make.conv2d({ ...body, ...signs }).apply(stem));
  const gated = make.multiply().apply([stem, gate]);
  const joined = make.concatenate().apply([make.concatenate({ axis: 0 }).apply([gated, gated]), doubled(stem)]);
  const sums = make.batchNorm().apply(make.conv2d({ ...body, ...signs }).apply(joined));
  const outputs = make.dense({ units: CLASSES }).apply(make.flatten().apply(sums));
  return functional({ inputs: start, outputs, name: "branches" });
}

const doubled = (value: SymbolicTensor): SymbolicTensor => make.upSampling2d({ size: [2, 1] }).apply(value);

/** Attention of every kind of matrix, over rows of an image, with signs and without. */
function attention(): Graph {
  const start = input({ shape: [7, 6, 2] });
  const stem = make.batchNorm().apply(make.conv2d({ ...body, filters: 4 }).apply(start));
  const rows = make.layerNorm().apply(make.reshape({ targetShape: [7, 24] }).apply(stem));
  const operands = { queryQuantizer: "poly", keyQuantizer: "poly" } as const;
  const values = (["softmax", "threshold", "elastic", "boolean", "sign"] as const).flatMap((matrix) => [
    make.attention({ heads: 4, matrix, ...operands, valueQuantizer: "poly" }).apply([rows, rows, rows]),
    make.attention({ heads: 3, matrix, keyQuantizer: "bnn++" }).apply([rows, rows, rows]),
  ]);
  const sum = values.reduce((joined, value) => make.add().apply([joined, value]));
  const outputs = make.dense({ units: CLASSES }).apply(make.flatten().apply(sum));
  return functional({ inputs: start, outputs, name: "attention" });
}

const depthwise = (): Graph =>
  around([
    make.depthwiseConv2d({ kernelSize: 3, padding: "same", useBias: false }),
    make.batchNorm(),
    make.depthwiseConv2d({ kernelSize: [2, 3], depthMultiplier: 2, strides: [1, 2], ...signs }),
    make.batchNorm(),
    make.depthwiseConv2d({ kernelSize: 2, dilationRate: [2, 1], padding: [1, 0], weightQuantizer: "xnor" }),
  ]);

/** Borders in pixels, gaps between taps, and groups, each over operands of one kind. */
const reaching = (operands: Partial<Parameters<typeof make.conv2d>[0]>): Graph =>
  around([
    make.conv2d({ filters: 8, kernelSize: 3, padding: [2, 1], useBias: false, ...operands }),
    make.batchNorm(),
    make.conv2d({ filters: 9, kernelSize: 3, dilationRate: [1, 2], padding: "same", useBias: false, ...operands }),
    make.batchNorm(),
    make.conv2d({
      filters: 6,
      kernelSize: 2,
      groups: 3,
      padding: [
        [1, 0],
        [0, 1],
      ],
      useBias: false,
      ...operands,
    }),
    make.batchNorm(),
    make.conv2d({ filters: 4, kernelSize: 2, dilationRate: 2, groups: 2, padValue: "one", padding: 1, ...operands }),
  ]);

export const operations: readonly Run[] = [
  { name: "functions", network: functions, everywhere: true, session: true },
  { name: "norms of rows, dropout and softmax", network: norms, everywhere: true, session: true },
  { name: "axes", network: axes, session: true },
  { name: "branches", network: branches, everywhere: true, session: true },
  { name: "attention", network: attention, everywhere: true, session: true },
  { name: "depthwise windows", network: depthwise, everywhere: true, session: true },
  { name: "borders, dilation and groups over real numbers", network: () => reaching({}), session: true },
  {
    name: "borders, dilation and groups of real weights over signs",
    network: () => reaching({ activationQuantizer: "bnn" }),
  },
  {
    name: "borders, dilation and groups of signs over real numbers",
    network: () => reaching({ weightQuantizer: "bnn" }),
  },
  { name: "borders, dilation and groups of signs", network: () => reaching(signs), everywhere: true, session: true },
  {
    name: "borders, dilation and groups in 8 bits",
    network: () => reaching({ ...signs, accumulator: "wrap" }),
    session: true,
  },
];
