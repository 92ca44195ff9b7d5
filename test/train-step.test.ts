/**
 * The guarantee: a step of training does exactly what its definition says. The trainer in f32 and the oracle in f64
 * train small networks for some steps. Both begin with the same weights and images. Loss, updates, weights and running
 * statistics must agree up to f32's rounding (`oracle/compare.ts`).
 *
 * A sign or a maximum that flips by rounding changes a result by a jump that no tolerance describes. So the oracle must
 * keep a margin of 2^-17 from every such place in every step. The data of each case are the first that do. The margin
 * is ten times and more the rounding error of the values in question.
 */
import { afterAll, beforeAll, describe, test } from "vitest";
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
import { type Quantizer, quantizer } from "../ts/quantizers/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { expectOracle } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const head = (units = 3): Layer[] => [layers.flatten(), layers.dense({ units })];

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

test("resnet20 on small images", async () => {
  const graph = resnet20({ inputShape: [8, 8, 2], classes: 3 });
  await expectOracle(pool, { graph, images: 6, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
});
