/**
 * The guarantees of dense layers and batch norms over tokens. Every kind of operand trains as the oracle says, packs, and runs
 * by every kernel as the trainer evaluates. Bits stay bits from the sign behind a norm to the sums of the next product.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Trainer } from "../ts/index.ts";
import { load, loadParallel } from "../ts/inference/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { type DenseOptions, type Graph, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, inMemory, inputMetadata } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

const SHAPE = [4, 6, 2] as const;
const TOKENS = 6;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** Patches of real pixels as tokens, and two products over them. Neither 10 nor 13 features fill a group of 4. */
const tokens = (options: Omit<DenseOptions, "units">): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 10, kernelSize: 2, strides: 2, useBias: false, name: "patches" }),
    layers.reshape({ targetShape: [TOKENS, 10], name: "tokens" }),
    layers.batchNorm({ name: "before" }),
    layers.dense({ units: 13, useBias: false, name: "first", ...options }),
    ...(options.useBias === true ? [] : [layers.batchNorm({ name: "between" })]),
    layers.dense({ units: 7, useBias: false, name: "second", ...options }),
    ...(options.useBias === true ? [] : [layers.batchNorm({ name: "behind" })]),
    layers.flatten(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const signs = { weightQuantizer: "bnn", activationQuantizer: "poly" } as const;
const operands = {
  "real, with a bias": { useBias: true },
  soft: { weightQuantizer: "bnn++", activationQuantizer: "bnn++" },
  "activations of signs": { activationQuantizer: "poly" },
  signs,
  "signs, a scale of each row": { ...signs, weightQuantizer: "xnor" },
  "signs of centred rows": { ...signs, weightQuantizer: "recu" },
  "signs in 8 bits": { ...signs, accumulator: "wrap" },
} as const;

describe.each(Object.entries(operands))("%s", (_title, options) => {
  test("train as the oracle does", async () => {
    await expectOracle(pool, { graph: tokens(options), steps: 1, of: 3 });
  });

  test("give a packed network the trainer's logits", async () => {
    const graph = tokens(options);
    const logits = await agreedLogits(pool, graph, awkwardWeights(graph, 3), randomSplit(3, 6, SHAPE, 3));
    expect(new Set(logits).size).toBeGreaterThan(6);
  });
});

test("weights are one kernel for all tokens, packed unit by unit", async () => {
  const graph = tokens(operands["signs, a scale of each row"]);
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  expect(shapes.get("first/kernel")).toEqual([10, 13]);
  expect(shapes.get("between/gamma")).toEqual([13]);
  const { parameters } = decodeModel(await pack(await engineWith(pool, graph, randomParameters(graph, 1)), {}));
  // 10 bits are 2 bytes of each unit.
  expect(parameters.get("first/kernel")).toHaveLength(26);
  expect(parameters.get("first/scale")).toHaveLength(13);
});

test("bits stay bits from the sign behind a norm to the sums of the next product", async () => {
  const graph = tokens(signs);
  const file = await pack(await engineWith(pool, graph, awkwardWeights(graph, 2)), {});
  for (const kernel of ["lookup", "popcnt8"] as const) {
    const { prepared } = await inMemory(decodeModel(file), { kernel });
    const calls = prepared.compiled.program.flat(2).map((call) => `${call.node} ${call.kernel}`);
    // Thresholds stand in the place of norm and sign, and nothing writes or reads f32 between the two products.
    const from = calls.indexOf(`first bb_${kernel}_conv_bits`);
    expect(calls.slice(from, from + 2)).toEqual([`first bb_${kernel}_conv_bits`, `second bb_${kernel}_conv_norm`]);
    const rows = new Map(
      (await (await load(file, { kernel, variant: "plain" })).explain()).layers.map((row) => [row.node, row]),
    );
    expect(rows.get("between")).toMatchObject({ fusedInto: "first", valueBytes: kernel === "lookup" ? 6 * 4 : 6 * 8 });
    for (const node of ["first", "second"]) {
      const reasons = rows.get(node)?.obstacles.map(({ reason }) => reason) ?? [];
      expect(rows.get(node)).toMatchObject({ product: "bb", valueBytes: 0, activationBits: 1, weightBits: 1 });
      expect(reasons.filter((reason) => reason.startsWith("sums"))).toEqual([]);
    }
  }
});

test("labels are refused where the output has several rows", async () => {
  const graph = sequential({ inputShape: SHAPE }, [layers.dense({ units: 3 })]);
  await expect(Trainer.create(graph, { workers: 1 })).rejects.toMatchObject({
    code: "shape",
    message: expect.stringContaining("compares labels with one row of classes, and the output has the shape [4, 6, 3]"),
    remedy: expect.stringContaining("layers.flatten()"),
  });
});

test("several workers share the tokens of an image, with the same bits", async () => {
  const graph = tokens(signs);
  const split = randomSplit(4, 3, SHAPE, 3);
  const file = await pack(await engineWith(pool, graph, awkwardWeights(graph, 4)), inputMetadata(split));
  const wanted = bits((await load(file)).run(split.images, { count: split.count }));
  const session = await loadParallel(file, { workers: 3 });
  expect(bits(await session.run(split.images, { count: split.count }))).toEqual(wanted);
  session.close();
});
