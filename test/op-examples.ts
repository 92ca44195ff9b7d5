/**
 * A small network for every operation, which the tests of every reader go through. An operation without an example does not
 * compile.
 */
import { functional, type Graph, input, type Layer, layers, type SymbolicTensor, sequential } from "../ts/nn/index.ts";
import type { OpName } from "../ts/nn/ops/index.ts";

/** No two axes are alike, and no vector's width divides the channels. */
export const EXAMPLE_SHAPE = [6, 7, 3] as const;
export const EXAMPLE_CLASSES = 3;

/** A bias before a batch norm has no gradient. */
const stem = (): Layer => layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", useBias: false });
const head = (): Layer[] => [layers.flatten(), layers.dense({ units: EXAMPLE_CLASSES })];

const network = (middle: readonly Layer[]): Graph => sequential({ inputShape: EXAMPLE_SHAPE }, [...middle, ...head()]);

/** The layer over the images and behind a product. */
const twice = (layer: () => Layer): Graph => network([layer(), stem(), layer()]);

/** Sums of branches, one of which is a product, and of a value with itself. */
function sums(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const branch = layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }).apply(start);
  const joined = layers.add().apply([start, branch]);
  const doubled = layers.add().apply([joined, joined]);
  const outputs = head().reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), doubled);
  return functional({ inputs: start, outputs });
}

/** Branches along the channels, one of which is a product, and a value with itself along the rows, before signs. */
function branches(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const both = layers.concatenate().apply([start, stem().apply(start)]);
  const twofold = layers.concatenate({ axis: 0 }).apply([both, both]);
  const signs = layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }).apply(twofold);
  const last = layers.concatenate({ axis: -2 }).apply([layers.batchNorm().apply(signs), signs]);
  return functional({
    inputs: start,
    outputs: head().reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), last),
  });
}

/** A product with a branch, and one of a value with itself. */
function gates(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const branch = layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }).apply(start);
  const gated = layers.multiply().apply([start, branch]);
  const last = layers.multiply().apply([gated, gated]);
  return functional({
    inputs: start,
    outputs: head().reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), last),
  });
}

/** A scale behind a product, with a shortcut behind it, and one by itself in front of signs. */
function scales(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const stems = [layers.conv2d({ filters: 3, kernelSize: 3, padding: "same" }), layers.layerScale()];
  const scaled = stems.reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), start);
  const sum = layers.add().apply([scaled, start]);
  const tail = [
    layers.layerScale({ initialValue: 1 }),
    layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }),
    layers.layerScale(),
    ...head(),
  ];
  return functional({
    inputs: start,
    outputs: tail.reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), sum),
  });
}

/** Products of values with themselves and with others, in stacks and without. */
function matrices(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const stack = stem().apply(start);
  const rows = layers.layerNorm().apply(layers.reshape({ targetShape: [42, 5] }).apply(stack));
  const hard = { firstQuantizer: "poly", secondQuantizer: "bnn" } as const;
  const pairs = layers.matmul({ transposeSecond: true, ...hard }).apply([rows, rows]);
  const mixed = layers.matmul({ secondQuantizer: "bnn++" }).apply([pairs, rows]);
  const images = layers.matmul({ transposeSecond: true }).apply([stack, stack]);
  const product = layers.matmul().apply([images, layers.reshape({ targetShape: EXAMPLE_STACK }).apply(mixed)]);
  const last = layers.layerNorm().apply(product);
  return functional({
    inputs: start,
    outputs: head().reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), last),
  });
}

/** Six matrices of the tokens behind the stem. */
const EXAMPLE_STACK = [6, 7, 5];

/** The images as 42 tokens of 3 features. */
const tokens = (): Layer => layers.reshape({ targetShape: [-1, 3] });

/** A range read beside the whole, so that gradients meet. */
function ranges(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const whole = stem().apply(start);
  const rows = layers.slice({ start: 1, size: 2 }).apply(whole);
  const columns = layers.slice({ axis: 1, start: 2, size: 5 }).apply(whole);
  const last = layers.slice({ axis: -1, start: 3, size: 2 }).apply(whole);
  const flat = [rows, columns, last, whole].map((value) => layers.flatten().apply(value));
  const outputs = flat.reduce((joined, value) => layers.concatenate().apply([joined, value]));
  return functional({ inputs: start, outputs: layers.dense({ units: EXAMPLE_CLASSES }).apply(outputs) });
}

/** Pixels and channels as tokens: every kind of matrix, in heads and without, over soft, hard and real operands. */
function attending(): Graph {
  const start = input({ shape: EXAMPLE_SHAPE });
  const tokens = layers.reshape({ targetShape: [6, -1] }).apply(stem().apply(start));
  const rows = layers.reshape({ targetShape: [14, 15] }).apply(tokens);
  const norm = layers.layerNorm().apply(tokens);
  const hard = { queryQuantizer: "poly", keyQuantizer: "bnn", valueQuantizer: "poly" } as const;
  const keys = layers.reshape({ targetShape: [6, 35] });
  const values = [
    layers.attention({ heads: 5 }).apply([tokens, norm, tokens]),
    layers.attention({ heads: 7, matrix: "threshold", ...hard }).apply([norm, norm, tokens]),
    layers.attention({ heads: 5, matrix: "elastic", keyQuantizer: "bnn++" }).apply([norm, norm, tokens]),
    layers.attention({ heads: 1, matrix: "boolean", ...hard }).apply([tokens, norm, norm]),
    layers.attention({ heads: 5, matrix: "sign", valueQuantizer: "poly" }).apply([norm, norm, norm]),
    keys.apply(layers.attention({ heads: 3 }).apply([rows, rows, rows])),
  ];
  const sum = values.reduce((joined, value) => layers.add().apply([joined, value]));
  return functional({
    inputs: start,
    outputs: head().reduce((tensor: SymbolicTensor, layer) => layer.apply(tensor), sum),
  });
}

const signs = { weightQuantizer: "xnor", activationQuantizer: "poly" } as const;

export const opExamples: { readonly [Name in OpName]: () => Graph } = {
  input: () => network([]),
  conv2d: () =>
    network([
      layers.conv2d({ filters: 6, kernelSize: 2, dilationRate: [2, 1], padding: 1, useBias: false, ...signs }),
      layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", groups: 2, useBias: false, ...signs }),
      layers.batchNorm(),
      layers.conv2d({ filters: 4, kernelSize: [2, 3], strides: [1, 2], padding: "same" }),
      layers.conv2d({ filters: 4, kernelSize: [2, 3], strides: [1, 2], padding: "same" }),
    ]),
  depthwiseConv2d: () =>
    network([
      layers.depthwiseConv2d({ kernelSize: 2, dilationRate: [2, 1], padding: 1, useBias: false, ...signs }),
      layers.batchNorm(),
      layers.depthwiseConv2d({ kernelSize: [2, 3], strides: [1, 2], padding: "same", depthMultiplier: 2 }),
      layers.depthwiseConv2d({ kernelSize: 3, padding: "same", weightQuantizer: "bnn", useBias: false }),
    ]),
  dense: () =>
    network([
      layers.dense({ units: 5, useBias: false, ...signs }),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 9 }),
      layers.dense({ units: 6, useBias: false }),
    ]),
  batchNorm: () => twice(() => layers.batchNorm()),
  layerNorm: () => twice(() => layers.layerNorm()),
  maxPool2d: () => twice(() => layers.maxPool2d({ poolSize: [2, 3], strides: [1, 2], padding: "same" })),
  avgPool2d: () => twice(() => layers.avgPool2d({ poolSize: [2, 3], strides: [1, 2], padding: "same" })),
  globalAvgPool2d: () => network([stem(), layers.globalAvgPool2d()]),
  activation: () => twice(() => layers.relu()),
  leakyRelu: () => twice(() => layers.leakyRelu()),
  elu: () => twice(() => layers.elu({ alpha: 0.7 })),
  shift: () => twice(() => layers.shift()),
  prelu: () => twice(() => layers.prelu()),
  adaptiveSign: () => twice(() => layers.adaptiveSign()),
  softmax: () => twice(() => layers.softmax()),
  flatten: () => network([layers.flatten(), layers.flatten()]),
  add: sums,
  concatenate: branches,
  multiply: gates,
  matmul: matrices,
  attention: attending,
  reshape: () =>
    network([
      stem(),
      layers.batchNorm(),
      layers.reshape({ targetShape: [7, -1, 6] }),
      layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }),
    ]),
  permute: () => network([layers.permute({ dims: [2, 1, 3] }), stem(), layers.permute({ dims: [3, 1, 2] })]),
  upSampling2d: () =>
    network([
      layers.upSampling2d({ size: [2, 3] }),
      stem(),
      layers.upSampling2d({ size: [3, 1], interpolation: "bilinear" }),
      layers.conv2d({ filters: 4, kernelSize: 2, strides: 2 }),
      layers.upSampling2d({ size: 2, interpolation: "bilinear" }),
    ]),
  zeroPadding2d: () =>
    twice(() =>
      layers.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  dropout: () =>
    network([
      layers.dropout({ rate: 0.25 }),
      stem(),
      layers.batchNorm(),
      layers.dropout({ rate: 0.4 }),
      layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }),
    ]),
  dropPath: () => twice(() => layers.dropPath({ rate: 0.4 })),
  layerScale: scales,
  positionEmbedding: () => twice(() => layers.positionEmbedding()),
  classToken: () => network([tokens(), layers.classToken(), layers.dense({ units: 4 }), layers.classToken()]),
  slice: ranges,
  globalAvgPool1d: () => network([tokens(), layers.dense({ units: 5 }), layers.globalAvgPool1d()]),
  unitDeviation: () =>
    network([
      stem(),
      layers.batchNorm(),
      layers.unitDeviation({ epsilon: 1e-4 }),
      layers.conv2d({ filters: 4, kernelSize: 2 }),
      layers.unitDeviation(),
      layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }),
    ]),
};
