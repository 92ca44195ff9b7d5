/**
 * The guarantees of depthwise convolutions beyond what all operations have: every kind of operand trains as the oracle
 * says, packs as bits where weights are signs, runs as the trainer evaluates, and is explained.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { packSigns } from "../ts/io/bits.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import {
  type DepthwiseConv2dOptions,
  functional,
  type Graph,
  initialValues,
  input,
  layers,
  parametersOf,
  sequential,
  summary,
} from "../ts/nn/index.ts";
import { quantizer } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { explainTraining } from "../ts/train/explain/explain-training.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, engineWith } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

const SHAPE = [7, 6, 2] as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** A depthwise layer behind a batch norm, and without one behind it, where a bias would have no gradient. */
const around = (options: DepthwiseConv2dOptions): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 5, kernelSize: 2, useBias: false }),
    layers.batchNorm(),
    layers.hardTanh(),
    layers.depthwiseConv2d({ name: "depthwise", ...options }),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

const kinds = { real: null, soft: "bnn++", signs: "bnn" } as const;
const activationKinds = { real: null, soft: "poly+", signs: "poly" } as const;
const operands = Object.entries(kinds).flatMap(([weights, weightQuantizer]) =>
  Object.entries(activationKinds).map(
    ([activations, activationQuantizer]) =>
      [`${weights} weights on ${activations} activations`, { weightQuantizer, activationQuantizer }] as const,
  ),
);

describe.each(operands)("%s", (_title, quantizers) => {
  test.each([
    ["same, with a bias", { kernelSize: 3, padding: "same" }],
    ["strides and two filters a channel", { kernelSize: [2, 3], strides: [2, 1], depthMultiplier: 2, useBias: false }],
    ["dilated, with borders", { kernelSize: 2, dilationRate: [2, 3], padding: [1, 2], depthMultiplier: 3 }],
  ] as const)("%s: trains as the oracle, runs as the trainer evaluates", async (_window, options) => {
    const graph = around({ ...options, ...quantizers });
    await expectOracle(pool, { graph });
    await agreedLogits(pool, graph, randomParameters(graph, 3), randomSplit(3, 8, SHAPE, 3));
  });
});

test.each([null, "poly"])("two layers add up their gradients at one input, activations by %s", async (choice) => {
  const start = input({ shape: SHAPE });
  const before = layers.hardTanh().apply(layers.batchNorm().apply(start));
  const options = { padding: "same", activationQuantizer: choice } as const;
  const branches = [2, 3].map((kernelSize) => layers.depthwiseConv2d({ kernelSize, ...options }).apply(before));
  const sum = layers.flatten().apply(layers.add().apply(branches));
  const graph = functional({ inputs: start, outputs: layers.dense({ units: 3 }).apply(sum) });
  await expectOracle(pool, { graph });
});

test("activations that stay soft throughout a run are signs where the network is evaluated and shipped", async () => {
  const soft = quantizer({ ...quantizer("bnn++"), hardenAt: 1 });
  const graph = around({ kernelSize: 3, activationQuantizer: soft });
  await agreedLogits(pool, graph, randomParameters(graph, 3), randomSplit(3, 8, SHAPE, 3));
});

const weightQuantizers = ["xnor", "magnitude-aware", "recu", "adabin", "dorefa-weights", "biper"];
test.each(weightQuantizers)("weights by %s, with a bias, are statistics of each filter", async (weightQuantizer) => {
  const graph = around({ kernelSize: 3, depthMultiplier: 2, weightQuantizer, activationQuantizer: "poly" });
  await expectOracle(pool, { graph, steps: 2 });
  await agreedLogits(pool, graph, randomParameters(graph, 3), randomSplit(3, 8, SHAPE, 3));
});

describe("a packed depthwise kernel", () => {
  const graph = around({ kernelSize: 3, depthMultiplier: 2, weightQuantizer: "xnor", activationQuantizer: "poly" });

  test("is the signs of 10 filters with 9 weights each, and their scales", async () => {
    const weights = randomParameters(graph, 5);
    const { parameters } = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
    const kernel = weights.get("depthwise/kernel") as Float32Array;
    expect(kernel).toHaveLength(3 * 3 * 5 * 2);
    expect(parameters.get("depthwise/kernel")).toEqual(packSigns(kernel, [9, 10]));
    const scale = parameters.get("depthwise/scale") as Float32Array;
    expect(scale).toHaveLength(10);
    const fourth = kernel.filter((_, i) => i % 10 === 3).reduce((sum, value) => sum + Math.abs(value), 0) / 9;
    expect(scale[3]).toBeCloseTo(fourth, 6);
  });

  test("counts as bits in a summary", () => {
    const row = summary(graph).rows.find(({ name }) => name === "depthwise");
    // Ten filters of nine bits take two bytes each, and have a scale and a bias.
    const bytes = { packedBytes: 10 * 2 + 10 * 4 + 10 * 4, floatBytes: 4 * (90 + 10) };
    expect(row).toMatchObject({ bitsPerWeight: 1, product: "bb", ...bytes, multiplyAccumulates: 4 * 3 * 90 });
  });

  test("is explained as a product of reals, with the reason", async () => {
    const reason =
      "a filter reads one channel, too few for a product over bits: operands of +-1 are multiplied as reals";
    const engine = await engineWith(pool, graph, randomParameters(graph, 5));
    const trained = explainTraining(engine, { progress: 1 }).layers.find(({ node }) => node === "depthwise");
    expect(trained).toMatchObject({
      forward: { product: "ff", kernel: "depthwise_conv" },
      filterGradient: { kernel: "depthwise_conv_backward_filter" },
      inputGradient: { kernel: "depthwise_conv_backward_input" },
      weightBits: 32,
      activationBits: 32,
    });
    expect(trained?.obstacles.map((obstacle) => obstacle.reason)).toContain(reason);
    const session = await load(await pack(engine, {}));
    const run = (await session.explain()).layers.find(({ node }) => node === "depthwise");
    expect(run).toMatchObject({ kernel: "depthwise_conv", product: "ff", weightBytes: 4 * 90, activationBits: 32 });
    expect(run?.obstacles.map((obstacle) => obstacle.reason)).toEqual([reason]);
  });
});

test("has Keras's fans, those of all channels", () => {
  const graph = around({ kernelSize: 3, kernelInitializer: "heUniform" });
  const kernel = parametersOf(graph).find(({ name }) => name === "depthwise/kernel");
  if (kernel === undefined) throw new Error("no kernel");
  expect(kernel.shape).toEqual([3, 3, 5, 1]);
  const limit = Math.sqrt(6 / (9 * 5));
  expect(initialValues(kernel, 1).every((value) => Math.abs(value) <= limit)).toBe(true);
});

test("refuses strides beside a dilation, and more filters than there may be", () => {
  const error = thrownBy(() => layers.depthwiseConv2d({ kernelSize: 2, strides: 2, dilationRate: [1, 2], name: "it" }));
  expect([error.code, error.message]).toEqual([
    "argument",
    'layer "it": strides [2, 2] stand beside dilationRate [1, 2]',
  ]);
  const wide = (): Graph =>
    sequential({ inputShape: [2, 2, 3] }, [layers.depthwiseConv2d({ kernelSize: 1, depthMultiplier: 65_536 })]);
  expect(thrownBy(wide).remedy).toContain("depthMultiplier");
});
