/**
 * The guarantees of convolutions in groups beyond what all operations have: every kind of operand trains as the oracle says,
 * packs filter by filter, runs by every kernel as the trainer evaluates, and is explained.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, loadParallel } from "../ts/inference/index.ts";
import { packSigns } from "../ts/io/bits.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import {
  type Conv2dOptions,
  functional,
  type Graph,
  input,
  layers,
  parametersOf,
  sequential,
  summary,
} from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { explainTraining } from "../ts/train/explain/explain-training.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, inputMetadata } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

const SHAPE = [6, 7, 2] as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** A layer in groups behind a batch norm, and a layer of bits behind it. A bias in front of a batch norm has no gradient. */
const around = (options: Omit<Conv2dOptions, "filters"> & { readonly filters?: number }, channels = 6): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: channels, kernelSize: 2, useBias: false }),
    layers.batchNorm(),
    layers.hardTanh(),
    layers.conv2d({ name: "grouped", filters: 9, groups: 3, useBias: false, ...options }),
    ...(options.useBias === true ? [] : [layers.batchNorm()]),
    layers.binaryConv2d({ filters: 5, kernelSize: 2, activationQuantizer: "poly", weightQuantizer: "bnn" }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

const signs = { weightQuantizer: "bnn", activationQuantizer: "poly" } as const;
const operands = {
  real: {},
  "soft weights": { weightQuantizer: "bnn++" },
  "weights of signs": { weightQuantizer: "bnn" },
  "activations of signs": { activationQuantizer: "poly" },
  "activations of levels": { activationQuantizer: "dorefa-activations" },
  signs,
  "signs in 8 bits": { ...signs, accumulator: "saturate" },
} as const;

const windows = {
  "3x3, same": { kernelSize: 3, padding: "same" },
  "strides, ones around": { kernelSize: [2, 3], strides: [2, 1], padding: 1, padValue: "one" },
  dilated: { kernelSize: 2, dilationRate: [1, 2], padding: [1, 0] },
  "one channel a group": { kernelSize: 3, groups: 6, filters: 12 },
} as const;

describe.each(Object.entries(operands))("%s", (_title, quantizers) => {
  test.each(Object.entries(windows))(
    "%s: trains as the oracle, runs as the trainer evaluates",
    async (_window, own) => {
      const graph = around({ ...own, ...quantizers });
      await expectOracle(pool, { graph });
      await agreedLogits(pool, graph, awkwardWeights(graph, 3), randomSplit(3, 8, SHAPE, 3));
    },
  );
});

const weightQuantizers = ["xnor", "magnitude-aware", "recu", "adabin", "dorefa-weights", "biper"];
test.each(weightQuantizers)(
  "weights by %s, with statistics of the whole kernel or of each filter",
  async (weightQuantizer) => {
    const graph = around({ kernelSize: 2, useBias: true, weightQuantizer, activationQuantizer: "poly" });
    await expectOracle(pool, { graph, steps: 2 });
    await agreedLogits(pool, graph, randomParameters(graph, 3), randomSplit(3, 8, SHAPE, 3));
  },
);

test("groups that are long in both ways, and an accumulator over several of them", async () => {
  for (const accumulator of [null, "wrap"] as const) {
    const graph = around({ kernelSize: 3, padding: "same", filters: 70, groups: 2, ...signs, accumulator }, 70);
    await agreedLogits(pool, graph, awkwardWeights(graph, 7), randomSplit(3, 8, SHAPE, 3));
  }
});

test("layers in groups add up their gradients at one input, whose signs another layer reads", async () => {
  const start = input({ shape: SHAPE });
  const before = layers.batchNorm().apply(layers.conv2d({ filters: 6, kernelSize: 2, useBias: false }).apply(start));
  const options = { filters: 6, kernelSize: 2, padding: "same", useBias: false, ...signs } as const;
  const branches = [2, 1, 3].map((groups) => layers.conv2d({ ...options, groups }).apply(before));
  const [a, b, c] = branches as [(typeof branches)[0], (typeof branches)[0], (typeof branches)[0]];
  const sum = layers.add().apply([layers.add().apply([a, b]), c]);
  const last = layers.flatten().apply(layers.batchNorm().apply(sum));
  const graph = functional({ inputs: start, outputs: layers.dense({ units: 3 }).apply(last) });
  await expectOracle(pool, { graph });
  await agreedLogits(pool, graph, awkwardWeights(graph, 3), randomSplit(3, 8, SHAPE, 3));
});

test("more workers than groups, and fewer, give the bits of one thread", async () => {
  for (const groups of [2, 6]) {
    const graph = around({ kernelSize: 3, padding: "same", groups, filters: 12, ...signs, useBias: true });
    const split = randomSplit(4, 2, SHAPE, 4);
    const file = await pack(await engineWith(pool, graph, awkwardWeights(graph, 5)), inputMetadata(split));
    const logits = async (workers: number): Promise<readonly number[]> => {
      const session = await loadParallel(file, { variant: "plain-shared", workers, batch: 1 });
      const found = bits(await session.run(split.images, { count: split.count }));
      session.close();
      return found;
    };
    expect(await logits(4)).toEqual(await logits(1));
  }
});

describe("a kernel in groups", () => {
  const graph = around({ kernelSize: 3, padding: "same", ...signs });

  test("has Keras's shape, and is packed as the signs of its filters", async () => {
    const kernel = parametersOf(graph).find(({ name }) => name === "grouped/kernel");
    expect(kernel?.shape).toEqual([3, 3, 2, 9]);
    const weights = randomParameters(graph, 5);
    const { parameters } = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
    expect(parameters.get("grouped/kernel")).toEqual(packSigns(weights.get("grouped/kernel") as Float32Array, [18, 9]));
  });

  test("counts the products of its groups alone", () => {
    const row = summary(graph).rows.find(({ name }) => name === "grouped");
    expect(row).toMatchObject({ bitsPerWeight: 1, product: "bb", multiplyAccumulates: 5 * 6 * 9 * 18 });
  });

  test("is explained with the price of its groups", async () => {
    const price =
      "its 3 groups are products of their own over copies of their channels, which takes a pass over input and sums, " +
      "and fuses nothing";
    const engine = await engineWith(pool, graph, randomParameters(graph, 5));
    const trained = explainTraining(engine, { progress: 1 }).layers.find(({ node }) => node === "grouped");
    expect(trained).toMatchObject({ forward: { product: "bb" }, filterGradient: { product: "fb" }, weightBits: 1 });
    expect(trained?.obstacles.map(({ reason }) => reason)).toContain(price);
    const session = await load(await pack(engine, {}), { kernel: "lookup" });
    const run = (await session.explain()).layers.find(({ node }) => node === "grouped");
    expect(run).toMatchObject({ kernel: "bb_lookup_conv_real", product: "bb", activationBits: 1, fusedInto: null });
    // A panel of 64 filters for each group: three splits of nine taps with a byte each.
    expect(run?.weightBytes).toBe(3 * 3 * 192);
    const reasons = run?.obstacles.map(({ reason }) => reason) ?? [];
    expect(reasons).toEqual([
      "2 input channels of a group are not a multiple of 4: the last 2 cost as much as 4",
      price,
    ]);
    const plain = (await session.explain()).layers.find(({ op, product }) => op === "conv2d" && product === "ff");
    expect(plain?.obstacles.map(({ reason }) => reason)).not.toContain(price);
  });
});

test("one group leaves no mark in a graph, so that files from before are what they were", () => {
  const made = (groups: number): unknown => layers.conv2d({ filters: 4, kernelSize: 1, groups }).operation.attributes;
  expect(made(1)).not.toHaveProperty("groups");
  expect(made(2)).toHaveProperty("groups", 2);
});

test("refuses groups that divide the filters or the channels badly", () => {
  const error = thrownBy(() => around({ kernelSize: 2, groups: 2 }));
  expect([error.code, error.message, error.remedy]).toEqual([
    "argument",
    'layer "grouped": 9 filters are not a multiple of its 2 groups',
    "Give it 10 filters, or other groups.",
  ]);
  const badly = thrownBy(() => around({ kernelSize: 2, groups: 9 }));
  expect([badly.code, badly.message]).toEqual([
    "shape",
    'layer "grouped": expected channels that are a multiple of its 9 groups, was given [5, 6, 6]',
  ]);
});
