/**
 * The guarantee: a step of training does exactly what its definition says. The trainer in f32 and the oracle in f64
 * train small networks for some steps. Both begin with the same weights and images. Loss, updates, weights and running
 * statistics must agree up to f32's rounding (`oracle/compare.ts`).
 *
 * A sign or a maximum that flips by rounding changes a result by a jump that no tolerance describes. So the oracle must
 * keep a margin of 2^-17 from every such place in every step. The data of each case are the first that do. The margin
 * is ten times and more the rounding error of the values in question.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Borders,
  functional,
  type Graph,
  input,
  type Layer,
  layers,
  resnet20,
  type SymbolicTensor,
  sequential,
} from "../ts/nn/index.ts";
import { constant, linear, type Quantizer, quantizer, quantizerNames } from "../ts/quantizers/index.ts";
import { learnedNumbers } from "../ts/quantizers/operand-kinds.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { evaluate } from "../ts/train/run/evaluate.ts";
import { writeWeights } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { inputOf, randomDataset, randomSplit } from "./oracle/compare.ts";
import { runNetwork } from "./oracle/network.ts";
import { expectOracle, gradientAsUpdate, trained } from "./oracle/trainer.ts";
import { startFrom } from "./oracle/training.ts";
import { everyProduct } from "./train-networks.ts";

/** A map that is itself at the end. */
const levels = { forward: "hardTanh", clipLatent: 0, hard: "levels" } as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const head = (units = 3): Layer[] => [layers.flatten(), layers.dense({ units })];

describe("every quantizer, on weights, activations and both", () => {
  // What layers learn of scales has no gradient in front of a batch norm (`elastic.test.ts`).
  const others = quantizerNames.filter((name) => learnedNumbers(quantizer(name)).length === 0);
  test.each(others)("%s, three steps as the schedules go", async (name) => {
    await expectOracle(pool, {
      graph: everyProduct(quantizer(name)),
      steps: 3,
      of: 10,
      optimizer: optimizers.sgd({ learningRate: 0.1 }),
    });
  });

  const soft = quantizerNames.filter((name) => quantizer(name).forward !== "sign" && quantizer(name).hard === "sign");
  test.each(soft)("%s, hard from the start", async (name) => {
    await expectOracle(pool, { graph: everyProduct({ ...quantizer(name), hardenAt: 0 }), steps: 1 });
  });

  test("some quantizers start soft", () => {
    expect(soft).toEqual(["pc", "parq", "pq", "rpc", "bnn++", "poly+", "ede+", "biper"]);
  });

  const smooth = { name: "own", hardenAt: 1, clipLatent: 0 } as const;
  const composed = quantizer({
    ...smooth,
    proximal: "piecewiseLinear",
    forward: "tanh",
    backward: "tanhPrime",
    parameters: [linear(0, 0.5), constant(0.125), linear(1, 3)],
  });
  const samples = (f: (x: number) => number): number[] => Array.from({ length: 33 }, (_, i) => f(i / 8 - 2));
  const table = { from: -2, to: 2, forward: samples(Math.atan), backward: samples((x) => 1 / (1 + x * x)) };
  const tabled = quantizer({ ...smooth, forward: "table", backward: "table", parameters: [], table });
  const both = quantizer({ ...tabled, proximal: "tanh", parameters: [constant(2)] });
  test.each([
    ["a proximal map before another", composed],
    ["the slope of a proximal map behind the sign", { ...composed, hardenAt: 0 }],
    ["a table", tabled],
    ["a proximal map before a table", both],
  ])("%s", async (_, choice) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph: everyProduct(choice), steps: 3, of: 10, optimizer });
  });

  test("the forward map turns hard in the middle of a run", async () => {
    const graph = everyProduct({ ...quantizer("bnn++"), hardenAt: 0.5 });
    await expectOracle(pool, { graph, steps: 4, of: 4, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
  });
});

describe("sums in 8 bits", () => {
  /** Products in 8 bits of activations and weights that are mostly +1, so that sums leave them. */
  const narrow = (overflow: "saturate" | "wrap" | null, useBias: boolean, choice: Quantizer): Graph => {
    const operands = { weightQuantizer: choice, activationQuantizer: choice, accumulator: overflow, useBias: false };
    const strided = { kernelSize: [2, 3], strides: 2, padding: "same", padValue: "one" } as const;
    return sequential({ inputShape: [6, 5, 3] }, [
      layers.conv2d({ filters: 67, kernelSize: 3, padding: "same", useBias: false }),
      layers.batchNorm(),
      layers.maxPool2d({ poolSize: 2, strides: 1 }),
      layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", ...operands, name: "narrow" }),
      layers.batchNorm(),
      layers.conv2d({ filters: 5, ...strided, ...operands, useBias }),
      layers.flatten(),
      layers.dense({ units: 9, ...operands }),
      layers.batchNorm(),
      layers.dense({ units: 3 }),
    ]);
  };

  test.each(["saturate", "wrap"] as const)("that %s, three steps", async (overflow) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph: narrow(overflow, false, quantizer("poly")), steps: 3, optimizer });
    await expectOracle(pool, { graph: narrow(overflow, true, quantizer("bnn")), steps: 1, optimizer });
  });

  test.each(["saturate", "wrap"] as const)(
    "that %s once the maps are hard, and always in evaluation",
    async (overflow) => {
      const graph = narrow(overflow, false, { ...quantizer("bnn++"), hardenAt: 0.5 });
      await expectOracle(pool, { graph, steps: 3, of: 4, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
    },
  );

  test("whatever products are asked for, they are the sums of the definition", async () => {
    const graph = narrow("saturate", false, quantizer("poly"));
    await expectOracle(pool, { graph, products: "ff" });
  });

  test("the sums of these networks do leave the 8 bits", () => {
    const sums = (["saturate", "wrap", null] as const).map((overflow) => {
      const graph = narrow(overflow, false, quantizer("poly"));
      // With the weights of a network in 8 bits.
      const weights = startFrom(randomParameters(narrow("wrap", false, quantizer("poly")), 1)).weights;
      const split = randomSplit(1, 10, [6, 5, 3], 3);
      return runNetwork(graph, weights, inputOf(split), split.labels, "estimate").values.get("narrow")?.data ?? [];
    });
    const [saturated, wrapped, exact] = sums as [Float64Array, Float64Array, Float64Array];
    const left = exact.filter((sum) => sum < -128 || sum > 127).length;
    expect(left).toBeGreaterThan(exact.length / 20);
    expect(saturated.filter((sum, i) => sum !== exact[i]).length).toBeGreaterThanOrEqual(left);
    expect(wrapped.filter((sum, i) => sum !== exact[i]).length).toBe(left);
    for (const sum of [...saturated, ...wrapped])
      expect(sum === Math.round(sum) && sum >= -128 && sum <= 127).toBe(true);
  });
});

describe("activations that end at levels", () => {
  /** Real, and beside weights that are real, soft and +-1. */
  const onLevels = (weights: string): Graph => {
    const level: Quantizer = { ...quantizer("bnn"), ...levels };
    const operands = { weightQuantizer: weights, activationQuantizer: level } as const;
    return sequential({ inputShape: [5, 4, 3] }, [
      layers.conv2d({ filters: 7, kernelSize: 3, padding: "same", useBias: false }),
      layers.batchNorm(),
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", padValue: "one", useBias: false, ...operands }),
      layers.batchNorm(),
      layers.conv2d({ filters: 4, kernelSize: 2, activationQuantizer: level }),
      layers.flatten(),
      layers.dense({ units: 3, ...operands }),
    ]);
  };

  test.each(["bnn", "bnn++", "poly+"])("with weights of %s, three steps and an evaluation", async (weights) => {
    const optimizer = optimizers.sgd({ learningRate: 0.05 });
    await expectOracle(pool, { graph: onLevels(weights), steps: 3, of: 10, optimizer });
  });

  test("are real throughout, to the end of a run", async () => {
    const trainer = await Trainer.create(onLevels("bnn"), { workers: 1 });
    const last = trainer.explain({ progress: 1 }).layers.find(({ op }) => op === "dense");
    trainer.close();
    expect(last).toMatchObject({ forward: { product: "ff" }, weightBits: 1, activationBits: 32 });
    expect(last?.obstacles.map(({ reason }) => reason)).toEqual([
      'the activations of "bnn" are levels: a product of reals',
    ]);
  });
});

describe("geometry", () => {
  const wide = { useBias: false } as const;
  const both = { ...wide, weightQuantizer: "bnn+", activationQuantizer: "poly" } as const;
  const activations = { ...wide, activationQuantizer: "poly" } as const;
  const operands = [
    ["real", wide],
    ["binary weights", { ...wide, weightQuantizer: "bnn" }],
    ["soft activations", { ...wide, activationQuantizer: "poly+" }],
    ["binary activations", activations],
    ["both binary", both],
  ] as const;

  const borders: Borders = [
    [1, 2],
    [2, 0],
  ];

  describe.each(operands)("%s operands", (_name, choice) => {
    test.each([
      ["strides 2, same", { kernelSize: 3, strides: 2, padding: "same" }],
      ["strides 2, valid", { kernelSize: 3, strides: 2, padding: "valid" }],
      ["one-padding", { kernelSize: 3, padding: "same", padValue: "one" }],
      ["an even kernel, strides 1 and 2", { kernelSize: [2, 4], strides: [1, 2], padding: "same" }],
      ["1x1", { kernelSize: 1 }],
      ["1x1 with strides 2", { kernelSize: 1, strides: 2 }],
      ["1x1 with a border", { kernelSize: 1, padding: 1 }],
      ["borders", { kernelSize: 3, strides: [1, 2], padding: borders }],
      ["borders of ones", { kernelSize: 3, padding: borders, padValue: "one" }],
      ["windows outside the image", { kernelSize: [1, 2], strides: [2, 1], padding: [4, 3] }],
    ] as const)("%s", async (_title, window) => {
      const graph = sequential({ inputShape: [7, 6, 2] }, [
        layers.conv2d({ filters: 5, kernelSize: 2, useBias: false }),
        layers.batchNorm(),
        layers.hardTanh(),
        layers.conv2d({ filters: 4, ...choice, ...window }),
        layers.batchNorm(),
        ...head(),
      ]);
      await expectOracle(pool, { graph });
    });

    test.each([3, 17, 33])("%i channels", async (channels) => {
      const graph = sequential({ inputShape: [4, 4, 1] }, [
        layers.conv2d({ filters: channels, kernelSize: 2, useBias: false }),
        layers.batchNorm(),
        layers.hardTanh(),
        layers.conv2d({ filters: channels, kernelSize: 3, padding: "same", ...choice }),
        layers.batchNorm(),
        ...head(),
      ]);
      await expectOracle(pool, { graph, images: 9 });
    });
  });

  test.each([
    ["valid", { poolSize: 2 }],
    ["valid, overlapping", { poolSize: 3, strides: 2 }],
    ["same, clipped", { poolSize: [2, 3], padding: "same" }],
    ["same, overlapping", { poolSize: 3, strides: 1, padding: "same" }],
    ["with borders", { poolSize: 3, strides: 2, padding: borders }],
  ] as const)("max-pool %s", async (_title, window) => {
    const graph = sequential({ inputShape: [7, 7, 2] }, [
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", useBias: false }),
      layers.maxPool2d(window),
      layers.batchNorm(),
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", ...both }),
      layers.maxPool2d(window),
      layers.batchNorm(),
      ...head(),
    ]);
    await expectOracle(pool, { graph });
  });

  test.each([
    ["valid", { poolSize: 2 }],
    ["valid, overlapping", { poolSize: 3, strides: 2 }],
    ["with gaps", { poolSize: 1, strides: 2 }],
    ["same, over the pixels inside only", { poolSize: [2, 3], padding: "same" }],
    ["same, overlapping", { poolSize: 3, strides: 1, padding: "same" }],
    ["with borders", { poolSize: 3, strides: 2, padding: borders }],
  ] as const)("average pool %s, then a global one", async (_title, window) => {
    const graph = sequential({ inputShape: [7, 7, 2] }, [
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", useBias: false }),
      layers.avgPool2d(window),
      layers.batchNorm(),
      layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", ...both }),
      layers.globalAvgPool2d(),
      layers.batchNorm(),
      layers.dense({ units: 3 }),
    ]);
    await expectOracle(pool, { graph });
  });

  test("fan-out: a value with three consumers, twice the same one", async () => {
    const start = input({ shape: [5, 5, 2] });
    const stem = layers
      .batchNorm()
      .apply(layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", ...wide }).apply(start));
    const branch = layers
      .batchNorm()
      .apply(layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", ...both }).apply(stem));
    const joined = layers.add().apply([branch, stem]);
    const doubled = layers.add().apply([joined, joined]);
    const last = layers.add().apply([doubled, layers.hardTanh().apply(stem)]);
    const graph = functional({
      inputs: start,
      outputs: layers.dense({ units: 3 }).apply(layers.flatten().apply(last)),
    });
    await expectOracle(pool, { graph, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
  });

  /** Two residual blocks, the second at half the size. Norms take in sums, and shortcuts have a norm of their own. */
  const residual = (choice: Quantizer): Graph => {
    const start = input({ shape: [6, 6, 3] });
    const norm = (x: SymbolicTensor): SymbolicTensor => layers.batchNorm().apply(x);
    const conv = (filters: number, strides: number, x: SymbolicTensor): SymbolicTensor =>
      layers
        .binaryConv2d({ filters, kernelSize: 3, strides, weightQuantizer: choice, activationQuantizer: choice })
        .apply(x);
    const stem = norm(layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", ...wide }).apply(start));
    const first = layers.add().apply([norm(conv(5, 1, stem)), stem]);
    const pooled = layers.avgPool2d().apply(first);
    const shortcut = norm(layers.conv2d({ filters: 8, kernelSize: 1, ...wide }).apply(pooled));
    const second = layers.add().apply([norm(conv(8, 2, first)), shortcut]);
    const third = layers.add().apply([second, norm(conv(8, 1, second))]);
    const means = layers.globalAvgPool2d().apply(third);
    return functional({ inputs: start, outputs: layers.dense({ units: 3 }).apply(means) });
  };

  test.each(["auto", "ff"] as const)("residual blocks, hard and soft, products %s", async (products) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph: residual(quantizer("bnn")), products, steps: 2, optimizer });
    await expectOracle(pool, { graph: residual(quantizer("bnn++")), products });
  });

  test("sums without norms: layers whose gradient is shared and still read later", async () => {
    const start = input({ shape: [4, 4, 2] });
    const conv = (x: SymbolicTensor): SymbolicTensor =>
      layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", ...wide }).apply(x);
    const stem = conv(start);
    const inner = layers.add().apply([conv(stem), stem]);
    const outer = layers.add().apply([inner, layers.hardTanh().apply(stem)]);
    const last = layers.add().apply([conv(layers.relu().apply(outer)), outer]);
    const graph = functional({
      inputs: start,
      outputs: layers.dense({ units: 3 }).apply(layers.flatten().apply(last)),
    });
    await expectOracle(pool, { graph });
  });

  test.each([
    ["real", {}],
    ["binary weights", { weightQuantizer: "bc" }],
    ["binary activations", { activationQuantizer: "poly" }],
    ["both binary", { weightQuantizer: "ede", activationQuantizer: "bnn" }],
  ] as const)("dense layers and biases, %s operands", async (_title, choice) => {
    const graph = sequential({ inputShape: [3, 3, 3] }, [
      layers.flatten(),
      layers.dense({ units: 17, ...choice }),
      layers.hardTanh(),
      layers.dense({ units: 9, ...choice }),
      layers.relu(),
      layers.dense({ units: 4 }),
    ]);
    await expectOracle(pool, { graph });
  });

  test("a convolution with both operands binary and a bias", async () => {
    const graph = sequential({ inputShape: [5, 5, 3] }, [
      layers.conv2d({ filters: 7, kernelSize: 3, weightQuantizer: "bc", activationQuantizer: "poly" }),
      layers.relu(),
      ...head(),
    ]);
    await expectOracle(pool, { graph });
  });

  test.each([2, 3, 8, 9, 17])("%i images, however they fall into lanes", async (images) => {
    const graph = sequential({ inputShape: [4, 4, 2] }, [
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", ...activations, activationQuantizer: "bnn++" }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 5, kernelSize: 3 }),
      layers.batchNorm(),
      ...head(),
    ]);
    await expectOracle(pool, { graph, images: images + 3 });
  });
});

describe("layers that learn a number for each channel", () => {
  /** A residual block of ReActNet: RSign, a binary convolution, batch norm, the shortcut, RPReLU. */
  const block = (x: SymbolicTensor, choice: Quantizer): SymbolicTensor => {
    const filters = x.shape[2] as number;
    const quantizers = { weightQuantizer: choice, activationQuantizer: choice };
    const moved = layers.rsign().apply(x);
    const sums = layers.binaryConv2d({ filters, kernelSize: 3, ...quantizers }).apply(moved);
    return layers.rprelu().apply(layers.add().apply([layers.batchNorm().apply(sums), x]));
  };

  test.each([3, 8, 17])("blocks of ReActNet with %i channels, hard and soft", async (channels) => {
    for (const name of ["bnn", "poly", "bnn++"]) {
      const start = input({ shape: [5, 4, 2] });
      const stem = layers.conv2d({ filters: channels, kernelSize: 3, padding: "same", useBias: false }).apply(start);
      const first = block(layers.batchNorm().apply(stem), quantizer(name));
      const means = layers.globalAvgPool2d().apply(block(first, quantizer(name)));
      const graph = functional({ inputs: start, outputs: layers.dense({ units: 3 }).apply(means) });
      await expectOracle(pool, { graph });
    }
  });

  test("over the input, over vectors, and read more than once", async () => {
    const start = input({ shape: [3, 3, 3] });
    const bent = layers.prelu().apply(layers.shift().apply(start));
    const vector = layers.flatten().apply(layers.add().apply([bent, layers.prelu().apply(bent)]));
    const hidden = layers.shift().apply(layers.dense({ units: 9 }).apply(vector));
    const twice = layers.add().apply([layers.prelu().apply(hidden), layers.shift().apply(hidden)]);
    const graph = functional({ inputs: start, outputs: layers.dense({ units: 4 }).apply(twice) });
    const optimizer = optimizers.sgd({ learningRate: 0.1, momentum: 0.9 });
    await expectOracle(pool, { graph, steps: 3, optimizer });
  });
});

describe("what else the loss and the layers can be", () => {
  test.each([1, 3, 17])("AdaBin's activations over %i channels, before real and +-1 weights", async (channels) => {
    const start = input({ shape: [4, 5, 2] });
    const conv = { filters: channels, kernelSize: 3, padding: "same", useBias: false } as const;
    const stem = layers.adaptiveSign().apply(layers.conv2d(conv).apply(layers.adaptiveSign().apply(start)));
    const hidden = layers.batchNorm().apply(layers.conv2d({ ...conv, weightQuantizer: "bnn" }).apply(stem));
    const both = layers.add().apply([layers.adaptiveSign().apply(hidden), hidden]);
    const means = layers.globalAvgPool2d().apply(both);
    const graph = functional({ inputs: start, outputs: layers.dense({ units: 3 }).apply(means) });
    await expectOracle(pool, { graph, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.05 }) });
  });

  test.each([0.1, 0.95])("labels smoothed by %d", async (labelSmoothing) => {
    const graph = sequential({ inputShape: [3, 3, 2] }, [
      layers.flatten(),
      layers.binaryDense({ units: 9 }),
      layers.batchNorm(),
      layers.dense({ units: 4 }),
    ]);
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph, labelSmoothing, steps: 3, optimizer });
  });
});

describe("optimizers", () => {
  const graph = sequential({ inputShape: [4, 4, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: "bnn", useBias: false }),
    layers.batchNorm({ momentum: 0.75 }),
    layers.binaryConv2d({ filters: 6, kernelSize: 3, weightQuantizer: "bnn++" }),
    layers.batchNorm(),
    ...head(),
  ]);
  const falling = { kind: "linear", from: 0.2, to: 0.01 } as const;

  test.each([
    ["momentum", optimizers.sgd({ learningRate: 0.1, momentum: 0.9 })],
    ["Nesterov's momentum", optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true })],
    ["weight decay", optimizers.sgd({ learningRate: 0.1, momentum: 0.5, weightDecay: 0.1 })],
    ["a falling rate", optimizers.sgd({ learningRate: falling })],
  ])("SGD with %s", async (_title, optimizer) => {
    await expectOracle(pool, { graph, optimizer, steps: 3, of: 5 });
  });

  // Adam's step is g / (|g| + epsilon) times the rate: an error of g counts 1/epsilon times. So epsilon is large here.
  const epsilon = 0.01;
  test.each([
    ["Adam", optimizers.adam({ learningRate: 0.05, epsilon, beta1: 0.8, beta2: 0.9 })],
    ["AdamW", optimizers.adamw({ learningRate: falling, epsilon, weightDecay: 0.1 })],
    ["AdamW without decay of kernels", optimizers.adamw({ learningRate: falling, epsilon, noDecay: ["kernel"] })],
    ["RMSprop", optimizers.rmsprop({ learningRate: 0.05, epsilon, rho: 0.8 })],
    ["RMSprop with momentum", optimizers.rmsprop({ learningRate: falling, epsilon, momentum: 0.9, weightDecay: 0.1 })],
  ])("%s", async (_title, optimizer) => {
    await expectOracle(pool, { graph, optimizer, steps: 3, of: 5, amplification: 10 });
  });

  // Thresholds at which some weights are flipped and others not, in each of the steps.
  const flipped = sequential({ inputShape: [4, 4, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: "bc", useBias: false }),
    layers.batchNorm({ momentum: 0.75 }),
    layers.binaryConv2d({ filters: 6, kernelSize: 3, weightQuantizer: "bnn" }),
    layers.batchNorm(),
    ...head(),
  ]);
  const rest = optimizers.sgd({ learningRate: falling });
  const lower = { kind: "linear", from: 0.004, to: 0.001 } as const;
  test.each([
    ["Bop", optimizers.bop({ gamma: 0.3, threshold: 0.003 })],
    ["Bop with schedules", optimizers.bop({ gamma: { kind: "linear", from: 0.5, to: 0.3 }, threshold: lower })],
    ["biased second-order Bop", optimizers.bop2({ gamma: 0.2, sigma: 0.1, threshold: 0.4 })],
    ["unbiased second-order Bop", optimizers.bop2({ gamma: 0.2, sigma: 0.1, threshold: 0.4, unbiased: true })],
    ["SGD", optimizers.sgd({ learningRate: 0.2 })],
  ])("%s for binary weights, another for the rest", async (_title, binary) => {
    await expectOracle(pool, { graph: flipped, optimizer: caseOptimizer({ binary, rest }), steps: 3, of: 5 });
  });

  test("latent weights of bnn, and no others, are clipped at 1", async () => {
    const data = randomDataset(3, [8, 8], [4, 4, 3], 3);
    const { steps } = await trained(
      pool,
      { graph, optimizer: optimizers.sgd({ learningRate: 0.01 }) },
      data,
      randomParameters(graph, 3),
    );
    const largest = (name: string): number => Math.max(...(steps[0]?.weights.get(name) ?? []).map(Math.abs));
    expect(largest("conv2d/kernel")).toBe(1);
    expect(largest("binary_conv2d/kernel")).toBeGreaterThan(1.2);
  });
});

test("resnet20 on small images", async () => {
  const graph = resnet20({ inputShape: [8, 8, 2], classes: 3 });
  await expectOracle(pool, { graph, images: 6, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
});

describe.each([
  ["hardTanh", "relu"],
  ["tanh", "relu6"],
  ["sigmoid", "gelu"],
] as const)("finite differences of %s and %s", (first, second) => {
  /** A network of real operands without batch norm: evaluation and training see the same function. */
  const graph = sequential({ inputShape: [6, 6, 2] }, [
    layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", strides: 2 }),
    layers.activation({ activation: first }),
    layers.conv2d({ filters: 5, kernelSize: 2, padding: "same", padValue: "one" }),
    layers.activation({ activation: second }),
    layers.maxPool2d(),
    ...head(),
  ]);
  const STEP = 2 ** -9;

  test("the gradient is the slope of the evaluated loss in random directions", async () => {
    const data = randomDataset(9, [16, 4], [6, 6, 2], 3);
    const both = { ...data, test: data.train };
    const weights = randomParameters(graph, 9);
    const { steps } = await trained(pool, { graph }, both, weights);
    const gradient = new Map(
      [...weights].map(([name, w]) => [
        name,
        w.map((value, i) => value - (steps[0]?.weights.get(name)?.[i] as number)),
      ]),
    );
    const engine = await createEngine(graph, gradientAsUpdate, pool);
    const lossAt = async (direction: ReadonlyMap<string, Float32Array>, step: number): Promise<number> => {
      const moved = [...weights].map(
        ([name, w]) => [name, w.map((v, i) => v + step * (direction.get(name)?.[i] as number))] as const,
      );
      await writeWeights(engine, new Map(moved));
      return (await evaluate(engine, data.train, {})).loss;
    };
    // One parameter at a time, in the direction of its own gradient and in a random one.
    for (const name of weights.keys()) {
      const own = gradient.get(name) as Float32Array;
      const length = Math.hypot(...own);
      expect(length).toBeGreaterThan(0.01);
      const noise = (randomParameters(graph, 77).get(name) as Float32Array).map((v) => v / 4);
      for (const unit of [own.map((v) => v / length), noise.map((v, i) => v / 8 + (own[i] as number) / length)]) {
        const direction = new Map([...weights].map(([other, w]) => [other, other === name ? unit : w.map(() => 0)]));
        const slope = unit.reduce((sum, v, i) => sum + v * (own[i] as number), 0);
        const difference = (await lossAt(direction, STEP)) - (await lossAt(direction, -STEP));
        // Kinks of the functions and the pool cost some thousandths, f32 another 2^-23 / 2^-9.
        expect(difference / (2 * STEP) / slope, name).toBeCloseTo(1, 2);
      }
    }
  });
});
