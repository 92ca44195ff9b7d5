/**
 * The guarantee: a packed model gives, image for image and bit for bit, the logits of the trainer's evaluation, whichever
 * kernel and build of the core run it and however many images go in at once; and whatever is wrong with a file or an
 * input is said.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ImageSplit } from "../ts/data/dataset.ts";
import { load } from "../ts/inference/index.ts";
import {
  type DenseOptions,
  functional,
  type Graph,
  input,
  layers,
  type Padding,
  resnet20,
  type SymbolicTensor,
  sequential,
} from "../ts/nn/index.ts";
import { isProduct } from "../ts/nn/nodes.ts";
import { type Quantizer, quantizer } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import fc from "./fast-check.ts";
import { agreedLogits, awkwardWeights, engineWith, type Weights } from "./inference-helpers.ts";
import { inputOf, randomSplit } from "./oracle/compare.ts";
import { runNetwork } from "./oracle/network.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** Trainer and every kind of session on the same images; returns the logits they agree on. */
const expectAgreement = (graph: Graph, weights: Weights, split: ImageSplit): Promise<Float32Array> =>
  agreedLogits(pool, graph, weights, split);

/** A map that is itself at the end: activations stay real. */
const levels: Quantizer = { ...quantizer("bnn"), name: "levels", forward: "hardTanh", clipLatent: 0, hard: "levels" };

const some = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** Every tail of nibbles, bytes and words. */
const channels = some(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65);
const anyOperands = some<Pick<DenseOptions, "weightQuantizer" | "activationQuantizer" | "accumulator">>(
  { weightQuantizer: null, activationQuantizer: null },
  { weightQuantizer: "bnn++", activationQuantizer: null },
  { weightQuantizer: null, activationQuantizer: "poly" },
  { weightQuantizer: "bc", activationQuantizer: "bnn++" },
  { weightQuantizer: "pc", activationQuantizer: "poly" },
  { weightQuantizer: "ede", activationQuantizer: "bnn" },
  { weightQuantizer: "bnn", activationQuantizer: "poly", accumulator: "saturate" },
  { weightQuantizer: "bc", activationQuantizer: "bnn++", accumulator: "wrap" },
  { weightQuantizer: "bc", activationQuantizer: levels },
  { weightQuantizer: null, activationQuantizer: levels },
  { weightQuantizer: "bnn", activationQuantizer: "bnn" },
  { weightQuantizer: "poly", activationQuantizer: "ede" },
  { weightQuantizer: "xnor", activationQuantizer: "poly" },
  { weightQuantizer: "magnitude-aware", activationQuantizer: null },
  { weightQuantizer: "adabin", activationQuantizer: "poly" },
  { weightQuantizer: "adabin", activationQuantizer: null },
  { weightQuantizer: "recu", activationQuantizer: "poly" },
  { weightQuantizer: "biper", activationQuantizer: null },
  { weightQuantizer: "reste", activationQuantizer: "reste" },
);
/** Every other layer has signs for both operands, so that there are chains of them, which fuse. */
const operands = fc.oneof(
  anyOperands,
  some<Pick<DenseOptions, "weightQuantizer" | "activationQuantizer" | "accumulator">>(
    { weightQuantizer: "bc", activationQuantizer: "bnn++" },
    { weightQuantizer: "ede", activationQuantizer: "poly" },
  ),
);
const pixels = (before: number, behind: number) => [before, behind] as const;
const blocks = fc.record({
  filters: channels,
  kernelSize: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  strides: some(1, 1, 1, 2),
  padding: some<Padding>("same", "valid", [pixels(1, 0), pixels(0, 2)], [pixels(2, 1), pixels(3, 3)]),
  padValue: some("zero" as const, "one" as const),
  useBias: some(false, false, true),
  operands,
  pool: some<null | { poolSize: number; strides: number; padding: Padding }>(
    null,
    { poolSize: 2, strides: 2, padding: "valid" },
    { poolSize: 3, strides: 2, padding: "same" },
    { poolSize: 2, strides: 1, padding: "same" },
    { poolSize: 3, strides: 2, padding: [pixels(1, 2), pixels(0, 1)] },
  ),
  pooling: some("maxPool2d" as const, "maxPool2d" as const, "avgPool2d" as const),
  norm: some(true, true, true, false),
  after: some<"nothing" | "relu" | "hardTanh" | "residual" | "rprelu" | "adaptiveSign">(
    "nothing",
    "nothing",
    "nothing",
    "nothing",
    "relu",
    "hardTanh",
    "residual",
    "rprelu",
    "adaptiveSign",
  ),
  threshold: some(false, false, true),
});
const networks = fc.record({
  height: fc.integer({ min: 4, max: 8 }),
  width: fc.integer({ min: 4, max: 8 }),
  channels: fc.integer({ min: 2, max: 5 }),
  blocks: fc.array(blocks, { minLength: 1, maxLength: 3 }),
  mean: some(false, false, true),
  middle: fc.option(fc.record({ units: channels, operands, useBias: fc.boolean() })),
  head: operands,
  images: fc.integer({ min: 3, max: 9 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
});
type Network = typeof networks extends fc.Arbitrary<infer T> ? T : never;

function build(network: Network): Graph {
  const start = input({ shape: [network.height, network.width, network.channels] });
  let tensor: SymbolicTensor = start;
  for (const block of network.blocks) {
    const { filters, strides, padValue, useBias, after } = block;
    const [height = 1, width = 1] = tensor.shape;
    const kernelSize = [Math.min(block.kernelSize[0], height), Math.min(block.kernelSize[1], width)] as const;
    const before = tensor;
    if (block.threshold) tensor = layers.rsign().apply(tensor);
    tensor = layers
      .conv2d({ filters, kernelSize, strides, padValue, useBias, padding: block.padding, ...block.operands })
      .apply(tensor);
    const [outHeight = 1, outWidth = 1] = tensor.shape;
    if (block.pool !== null && Math.min(outHeight, outWidth) >= 2) {
      tensor = layers[block.pooling](block.pool).apply(tensor);
    }
    if (block.norm) tensor = layers.batchNorm().apply(tensor);
    if (after === "relu") tensor = layers.relu().apply(tensor);
    if (after === "hardTanh") tensor = layers.hardTanh().apply(tensor);
    const joins = after === "residual" && tensor.shape.every((size, axis) => size === before.shape[axis]);
    if (joins) tensor = layers.add().apply([tensor, before]);
    if (after === "adaptiveSign") tensor = layers.adaptiveSign().apply(tensor);
    if (after === "rprelu") tensor = layers.rprelu().apply(tensor);
  }
  tensor = (network.mean ? layers.globalAvgPool2d() : layers.flatten()).apply(tensor);
  if (network.middle !== null) {
    const { units, useBias } = network.middle;
    tensor = layers.batchNorm().apply(layers.dense({ units, useBias, ...network.middle.operands }).apply(tensor));
  }
  return functional({ inputs: start, outputs: layers.dense({ units: 4, ...network.head }).apply(tensor) });
}

/** The kernels of a packed network's layers. */
async function kernelsOf(graph: Graph, weights: Weights): Promise<readonly (string | null)[]> {
  const session = await load(await pack(await engineWith(pool, graph, weights), {}));
  return (await session.explain()).layers.map(({ kernel }) => kernel);
}
/** The product whose sums become bits on the way out, by the kernel that x86 takes or by the others. */
const fusesBits: readonly unknown[] = ["bb_lookup_conv_bits", "bb_popcnt8_conv_bits", "bb_popcnt64_conv_bits"];
const poolsBits: readonly unknown[] = ["max_pool_nibbles", "max_pool_words"];

describe("packed and trainer's logits are the same bits", () => {
  test("random networks", async () => {
    let [fused, pooled, accumulated, signed, levelled, distinct] = [0, 0, 0, 0, 0, 0];
    await fc.assert(
      fc.asyncProperty(networks, async (network) => {
        const graph = build(network);
        const split = randomSplit(network.seed, network.images, [network.height, network.width, network.channels], 4);
        const weights = awkwardWeights(graph, network.seed);
        const logits = await expectAgreement(graph, weights, split);
        const kernels = await kernelsOf(graph, weights);
        fused += kernels.filter((kernel) => fusesBits.includes(kernel)).length;
        pooled += kernels.filter((kernel) => poolsBits.includes(kernel)).length;
        accumulated += kernels.filter((kernel) => kernel === "bb_accumulate8_conv").length;
        signed += kernels.filter((kernel) => kernel === "normalize").length;
        const reads = graph.nodes.filter(
          (node) => isProduct(node) && node.attributes.activationQuantizer?.hard === "levels",
        );
        levelled += reads.length;
        distinct += new Set(logits).size > 4 ? 1 : 0;
      }),
      { numRuns: 110, seed: 11 },
    );
    // The generator must reach what the test is about.
    expect(fused).toBeGreaterThan(10);
    expect(pooled).toBeGreaterThan(3);
    expect(accumulated).toBeGreaterThan(5);
    expect(signed).toBeGreaterThan(5);
    expect(levelled).toBeGreaterThan(10);
    expect(distinct).toBeGreaterThan(30);
  });

  /** A deep chain on bits: conv, pool, norm, conv, norm, dense, norm, dense. */
  const chain = (padValue: "zero" | "one", padding: "same" | "valid"): Graph =>
    sequential({ inputShape: [8, 8, 3] }, [
      layers.binaryConv2d({ filters: 37, kernelSize: 3, padValue }),
      layers.maxPool2d({ poolSize: 3, strides: 2, padding }),
      layers.batchNorm(),
      layers.binaryConv2d({ filters: 70, kernelSize: 3, padValue }),
      layers.batchNorm(),
      layers.flatten(),
      layers.binaryDense({ units: 33 }),
      layers.batchNorm(),
      layers.binaryDense({ units: 10 }),
    ]);

  test.each([
    ["zero", "same"],
    ["zero", "valid"],
    ["one", "same"],
    ["one", "valid"],
  ] as const)("a chain on bits, %s-padding, pools %s, as the oracle computes it", async (padValue, padding) => {
    const graph = chain(padValue, padding);
    const split = randomSplit(5, 9, [8, 8, 3], 10);
    const weights = awkwardWeights(graph, 5);
    const logits = await expectAgreement(graph, weights, split);
    const exact = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));
    const { values } = runNetwork(graph, exact, inputOf(split), split.labels, "evaluate");
    // Sums of signs: whole numbers, so that equality is equality, where no sign in between hangs on a rounding.
    expect([...logits]).toEqual([...(values.get(graph.output)?.data ?? [])]);
    const kernels = await kernelsOf(graph, weights);
    expect(kernels.filter((kernel) => fusesBits.includes(kernel))).toHaveLength(3);
    expect(kernels.filter((kernel) => poolsBits.includes(kernel))).toHaveLength(1);
  });

  test.each([1e30, -1e30, 1e-30, -1e-30, 0, -0])("every gamma %s", async (gamma) => {
    const graph = chain("zero", "same");
    const weights = awkwardWeights(graph, 6);
    for (const [name, values] of weights)
      if (name.endsWith("/gamma"))
        weights.set(
          name,
          values.map(() => gamma),
        );
    await expectAgreement(graph, weights, randomSplit(6, 8, [8, 8, 3], 10));
  });

  test("what is needed elsewhere too is not fused away: sums, pools and norms with a second consumer", async () => {
    const start = input({ shape: [6, 6, 5] });
    const sums = layers.binaryConv2d({ filters: 5, kernelSize: 3 }).apply(start);
    const pooled = layers.maxPool2d({ poolSize: 3, strides: 1, padding: "same" }).apply(sums);
    const normed = layers.batchNorm({ name: "needed" }).apply(pooled);
    const bits = layers.binaryConv2d({ filters: 5, kernelSize: 3 }).apply(normed);
    const branch = layers.batchNorm({ name: "fused" }).apply(layers.maxPool2d({ poolSize: 1 }).apply(bits));
    const last = layers.binaryConv2d({ filters: 5, kernelSize: 1 }).apply(branch);
    const joined = [sums, pooled, normed, bits].reduce((sum, value) => layers.add().apply([sum, value]), last);
    const head = layers.dense({ units: 3 }).apply(layers.flatten().apply(joined));
    const graph = functional({ inputs: start, outputs: head });
    for (const seed of [1, 2, 3]) {
      const weights = awkwardWeights(graph, seed);
      await expectAgreement(graph, weights, randomSplit(seed, 6, [6, 6, 5], 3));
    }
  });

  test("a pool with a second consumer is not fused", async () => {
    const start = input({ shape: [6, 6, 5] });
    const pooled = layers.maxPool2d().apply(layers.binaryConv2d({ filters: 5, kernelSize: 3 }).apply(start));
    const bits = layers.binaryConv2d({ filters: 5, kernelSize: 3 }).apply(layers.batchNorm().apply(pooled));
    const joined = layers.add().apply([bits, pooled]);
    const graph = functional({
      inputs: start,
      outputs: layers.dense({ units: 3 }).apply(layers.flatten().apply(joined)),
    });
    const weights = awkwardWeights(graph, 7);
    await expectAgreement(graph, weights, randomSplit(7, 6, [6, 6, 5], 3));
    const { layers: rows } = await (await load(await pack(await engineWith(pool, graph, weights), {}))).explain();
    expect(rows.map(({ fusedInto }) => fusedInto)).toEqual(rows.map(() => null));
  });

  /** Weights and inputs that mostly agree, so that sums leave the 8 bits; groups of fewer than four channels. */
  test.each(["saturate", "wrap"] as const)(
    "sums in 8 bits that %s, as the oracle computes them",
    async (accumulator) => {
      const graph = sequential({ inputShape: [6, 7, 37] }, [
        layers.binaryConv2d({ filters: 70, kernelSize: 3, accumulator, name: "first" }),
        layers.batchNorm(),
        layers.binaryConv2d({ filters: 35, kernelSize: 2, strides: 2, padValue: "one", accumulator }),
        layers.maxPool2d(),
        layers.flatten(),
        layers.binaryDense({ units: 10, accumulator, name: "last" }),
      ]);
      const split = randomSplit(5, 9, [6, 7, 37], 10);
      const leaning = { ...split, offset: split.offset + 1.5 };
      const weights = randomParameters(graph, 5);
      const kernel = weights.get("first/kernel") as Float32Array;
      const largest = kernel.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
      weights.set(
        "first/kernel",
        kernel.map((weight) => weight + largest / 2),
      );
      const logits = await expectAgreement(graph, weights, leaning);
      const exact = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));
      const { values } = runNetwork(graph, exact, inputOf(leaning), split.labels, "evaluate");
      expect([...logits]).toEqual([...(values.get(graph.output)?.data ?? [])]);
      // The first sums do leave the 8 bits.
      const sums = values.get("first")?.data ?? new Float64Array(0);
      const bounds = sums.filter((sum) => sum === 127).length;
      if (accumulator === "saturate") expect(bounds).toBeGreaterThan(sums.length / 4);
      else expect(bounds).toBeLessThan(sums.length / 20);
      const { layers: rows } = await (await load(await pack(await engineWith(pool, graph, weights), {}))).explain();
      const first = rows.find(({ node }) => node === "first");
      expect(first).toMatchObject({
        product: "bb",
        kernel: "bb_accumulate8_conv",
        tile: "4x32",
        weightBits: 1,
        activationBits: 1,
        weightBytes: 5 * 16 * 9 * 10,
      });
      expect(first?.obstacles.map(({ reason }) => reason)).toEqual([
        expect.stringContaining("37 input channels are not a multiple of 4"),
        expect.stringContaining("sums are kept in 8 bits"),
      ]);
    },
  );

  test("a sum exactly on its threshold is +1, from above and from below", async () => {
    const graph = sequential({ inputShape: [1, 1, 4] }, [
      layers.flatten(),
      layers.binaryDense({ units: 2, name: "sums" }),
      layers.batchNorm({ name: "norm" }),
      layers.binaryDense({ units: 2, name: "signs" }),
    ]);
    const weights: Weights = new Map([
      ["sums/kernel", new Float32Array(8).fill(1)],
      ["norm/gamma", Float32Array.of(1, -1)],
      ["norm/beta", Float32Array.of(0, 0)],
      ["norm/movingMean", Float32Array.of(2, 2)],
      ["norm/movingVariance", Float32Array.of(1, 1)],
      ["signs/kernel", Float32Array.of(1, -1, 1, 1)],
    ]);
    // Sums -4, -2, 0, 2, 4: the first unit is +1 from 2 on, the second up to 2.
    const images = Uint8Array.from([0, 0, 0, 0, 9, 0, 0, 0, 9, 9, 0, 0, 9, 9, 9, 0, 9, 9, 9, 9]);
    const split: ImageSplit = { count: 5, images, labels: new Uint8Array(5), shape: [1, 1, 4], scale: 1, offset: -1 };
    const units = [
      [-1, 1],
      [-1, 1],
      [-1, 1],
      [1, 1],
      [1, -1],
    ] as const;
    const wanted = units.flatMap(([a, b]) => [a + b, b - a]);
    expect([...(await expectAgreement(graph, weights, split))]).toEqual(wanted);
  });
});

test("resnet20 on small images", async () => {
  const graph = resnet20({ inputShape: [9, 8, 3] });
  await expectAgreement(graph, awkwardWeights(graph, 8), randomSplit(8, 7, [9, 8, 3], 10));
});

test("a network without a bit in it", async () => {
  const graph = sequential({ inputShape: [5, 5, 1] }, [
    layers.conv2d({ filters: 3, kernelSize: 2 }),
    layers.flatten(),
    layers.dense({ units: 2 }),
  ]);
  await expectAgreement(graph, randomParameters(graph, 4), randomSplit(4, 3, [5, 5, 1], 2));
});
