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
  dense: () => network([layers.flatten(), layers.dense({ units: 9 }), layers.dense({ units: 6, useBias: false })]),
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
  unitDeviation: () =>
    network([
      stem(),
      layers.batchNorm(),
      layers.unitDeviation({ epsilon: 1e-4 }),
      layers.binaryConv2d({ filters: 4, kernelSize: 3, activationQuantizer: "bnn" }),
    ]),
};
