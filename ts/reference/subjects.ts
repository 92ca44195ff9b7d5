/**
 * Small networks in which every operation stands once in every way it can be calculated: each of the three products with
 * weights and activations real, soft and +-1; windows with strides, even sizes, one pixel, borders of zeros and ones; sizes
 * that are no multiples of 4, 8, 16 or 32; sums in 8 bits; shortcuts read twice; every quantizer; every optimizer.
 */
import { functional } from "../nn/build.ts";
import type { QuantizerChoice } from "../nn/fields.ts";
import type { Graph, Shape } from "../nn/graph.ts";
import type { SymbolicTensor } from "../nn/layer.ts";
import { input, layers } from "../nn/layers.ts";
import { functionNames } from "../quantizers/functions.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { quantizer, quantizerNames } from "../quantizers/registry.ts";
import { constant } from "../quantizers/schedule.ts";
import { isForWeightsAlone } from "../quantizers/weights.ts";
import { caseOptimizer, type Optimizer, optimizers } from "../train/optimizers.ts";

/** A network, and how it is trained. */
export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly optimizer: Optimizer;
  /** Whether the optimizer's work is compared too. */
  readonly updates: boolean;
  /** Of the labels; none where absent. */
  readonly smoothing?: number;
}

const sgd = optimizers.sgd({ learningRate: 0.05, momentum: 0.9 });

/**
 * `layersOf` between a trained batch norm on the images, so that the gradient at its input is wanted, and a float head. What
 * it gives is flattened where it is an image.
 */
function around(
  name: string,
  shape: Shape,
  layersOf: (x: SymbolicTensor) => SymbolicTensor,
  optimizer?: Optimizer,
): Case {
  const images = input({ shape });
  const value = layersOf(layers.batchNorm({ name: "before" }).apply(images));
  const vector = value.shape.length === 1 ? value : layers.flatten().apply(value);
  const outputs = layers.dense({ units: 5, name: "head" }).apply(vector);
  return {
    name,
    graph: functional({ inputs: images, outputs, name: "check" }),
    optimizer: optimizer ?? sgd,
    updates: optimizer !== undefined,
  };
}

const kinds: Readonly<Record<"real" | "soft" | "+-1", QuantizerChoice>> = { real: null, soft: "bnn++", "+-1": "bnn" };

function products(): readonly Case[] {
  return Object.entries(kinds).flatMap(([weights, weightQuantizer]) =>
    Object.entries(kinds).flatMap(([activations, activationQuantizer]) => {
      const name = `${activations} x ${weights}`;
      const quantizers = { weightQuantizer, activationQuantizer };
      const conv = { filters: 7, kernelSize: 3, padding: "same", useBias: false, name: "conv", ...quantizers } as const;
      return [
        around(`conv2d ${name}`, [9, 7, 5], (x) => layers.conv2d(conv).apply(x)),
        around(`dense ${name}`, [3, 5, 5], (x) =>
          layers.dense({ units: 37, name: "dense", ...quantizers }).apply(layers.flatten().apply(x)),
        ),
      ];
    }),
  );
}

function windows(): readonly Case[] {
  const shapes = {
    "strides 2": { kernelSize: 3, strides: 2, padding: "same" },
    "2x2, strides 2": { kernelSize: 2, strides: 2, padding: "same" },
    "1x1, strides 2": { kernelSize: 1, strides: 2, padding: "valid" },
    "5x3, valid": { kernelSize: [5, 3], padding: "valid" },
    "4x4, strides 3x2, ones around": { kernelSize: 4, strides: [3, 2], padding: "same", padValue: "one" },
  } as const;
  const operands = {
    real: { weightQuantizer: null, activationQuantizer: null },
    "+-1 x real": { weightQuantizer: null, activationQuantizer: "bnn" },
    // A bias would be rounded: without it only equality will do.
    "+-1 x +-1": { weightQuantizer: "bnn", activationQuantizer: "bnn", useBias: false },
  } as const;
  return Object.entries(shapes).flatMap(([window, options]) =>
    Object.entries(operands).map(([operand, quantizers]) =>
      around(`conv2d ${operand}, ${window}`, [7, 9, 9], (x) =>
        layers.conv2d({ filters: 10, name: "conv", ...options, ...quantizers }).apply(x),
      ),
    ),
  );
}

/** Activations that are mostly +1 behind a max-pool, as the weights are, so that sums leave the 8 bits. */
function accumulators(): readonly Case[] {
  const signs = { weightQuantizer: "bnn", activationQuantizer: "poly", useBias: false } as const;
  const window = { filters: 9, kernelSize: 3, padding: "same", name: "conv", ...signs } as const;
  const leaning = (x: SymbolicTensor): SymbolicTensor =>
    layers.maxPool2d({ poolSize: 2, strides: 1, padding: "same" }).apply(x);
  return (["saturate", "wrap"] as const).flatMap((accumulator) => [
    around(`conv2d in 8 bits, ${accumulator}`, [5, 4, 66], (x) =>
      layers.conv2d({ ...window, accumulator }).apply(leaning(x)),
    ),
    around(`conv2d in 8 bits, ${accumulator}, strides 2, ones around`, [6, 5, 47], (x) =>
      layers.conv2d({ ...window, accumulator, strides: 2, padValue: "one" }).apply(leaning(x)),
    ),
    around(`dense in 8 bits, ${accumulator}, with a bias`, [5, 4, 29], (x) =>
      layers
        .dense({ units: 7, name: "dense", ...signs, accumulator, useBias: true })
        .apply(layers.flatten().apply(leaning(x))),
    ),
  ]);
}

function others(): readonly Case[] {
  const signs = { kernelSize: 3, padding: "same", weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;
  const sums = (x: SymbolicTensor, name: string): SymbolicTensor =>
    layers.binaryConv2d({ filters: 6, name, ...signs }).apply(x);
  return [
    // Whole numbers, so that maxima are often equal.
    around("maxPool2d over equal maxima", [9, 7, 6], (x) =>
      layers.maxPool2d({ poolSize: 2, name: "pool" }).apply(sums(x, "conv")),
    ),
    around("maxPool2d 3x3, strides 2, same", [8, 7, 5], (x) =>
      layers.maxPool2d({ poolSize: 3, strides: 2, padding: "same", name: "pool" }).apply(x),
    ),
    around("avgPool2d 2x2, same", [9, 7, 5], (x) =>
      layers.avgPool2d({ poolSize: 2, padding: "same", name: "pool" }).apply(x),
    ),
    around("avgPool2d 3x2, strides 2x1", [9, 7, 5], (x) =>
      layers.avgPool2d({ poolSize: [3, 2], strides: [2, 1], name: "pool" }).apply(x),
    ),
    around("globalAvgPool2d", [7, 5, 33], (x) => layers.globalAvgPool2d({ name: "pool" }).apply(x)),
    ...functionNames.map((name) =>
      around(name, [5, 5, 5], (x) => layers.activation({ name, activation: name }).apply(x)),
    ),
    around("shift", [5, 5, 7], (x) => layers.shift({ name: "shift" }).apply(x)),
    around("prelu", [5, 5, 7], (x) => layers.prelu({ name: "prelu" }).apply(x)),
    around("adaptiveSign", [5, 5, 7], (x) => layers.adaptiveSign({ name: "sign" }).apply(x)),
    around("RSign and RPReLU, read twice", [6, 5, 6], (x) => {
      const moved = layers.rsign({ name: "rsign" }).apply(x);
      const joined = layers.add({ name: "sum" }).apply([sums(moved, "conv"), x]);
      return layers.rprelu({ name: "rprelu" }).apply(joined);
    }),
    around("batchNorm", [5, 3, 37], (x) => layers.batchNorm({ momentum: 0.8, name: "norm" }).apply(x)),
    around("add behind batchNorm, read twice", [6, 5, 6], (x) => {
      const normed = layers.batchNorm({ name: "norm" }).apply(sums(x, "first"));
      const sum = layers.add({ name: "sum" }).apply([normed, x]);
      return layers.add({ name: "last" }).apply([sums(sum, "second"), sum]);
    }),
  ];
}

function losses(): readonly Case[] {
  const plain = around("labels smoothed", [3, 3, 3], (x) => layers.relu({ name: "relu" }).apply(x));
  return [{ ...plain, smoothing: 0.1 }];
}

/** A map of samples behind a proximal map, as no quantizer of a name has it. */
const COMPOSED: Quantizer = quantizer({
  name: "tanh-before-a-table",
  proximal: "tanh",
  forward: "table",
  backward: "table",
  parameters: [constant(2)],
  table: { from: -1, to: 1, forward: [-1.25, -0.75, 0, 0.75, 1.25], backward: [0.5, 1.25, 1.75, 1.25, 0.5] },
  hardenAt: 0.9,
  clipLatent: 0,
});

function quantizers(): readonly Case[] {
  return [...quantizerNames.map((name) => quantizer(name)), COMPOSED].map((weightQuantizer) => {
    const activationQuantizer = isForWeightsAlone(weightQuantizer) ? "poly" : weightQuantizer;
    const options = { filters: 6, kernelSize: 3, weightQuantizer, activationQuantizer } as const;
    // With the update, for some quantizers bound their latent weights.
    return around(
      `binaryConv2d ${weightQuantizer.name}`,
      [6, 5, 5],
      (x) => layers.binaryConv2d({ ...options, name: "conv" }).apply(x),
      sgd,
    );
  });
}

function updates(): readonly Case[] {
  const kinds = {
    "sgd without momentum": optimizers.sgd({ learningRate: 0.1, weightDecay: 1e-2 }),
    "sgd with Nesterov's momentum": optimizers.sgd({
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-3,
    }),
    adam: optimizers.adam({ learningRate: 1e-2 }),
    adamw: optimizers.adamw({ learningRate: 1e-2, weightDecay: 0.1 }),
  };
  const flips = {
    bop: optimizers.bop({ gamma: 0.1, threshold: 1e-4 }),
    bop2: optimizers.bop2({ gamma: 0.1, sigma: 0.1, threshold: 0.3 }),
    "bop2, unbiased": optimizers.bop2({ gamma: 0.1, sigma: 0.1, threshold: 0.3, unbiased: true }),
  };
  const dense = (name: string, optimizer: Optimizer, weightQuantizer: string): Case =>
    around(
      name,
      [3, 3, 3],
      (x) => layers.binaryDense({ units: 9, name: "dense", weightQuantizer }).apply(layers.flatten().apply(x)),
      optimizer,
    );
  return [
    ...Object.entries(kinds).map(([name, optimizer]) => dense(name, optimizer, "bnn++")),
    ...Object.entries(flips).map(([name, binary]) => dense(name, caseOptimizer({ binary, rest: sgd }), "bc")),
  ];
}

/** All of them. */
export const operationCases = (): readonly Case[] => [
  ...products(),
  ...windows(),
  ...accumulators(),
  ...others(),
  ...losses(),
  ...quantizers(),
  ...updates(),
];
