/**
 * The guarantee: BiT's elastic quantizers learn alpha and offset in every layer that takes quantizers of activations, by the
 * gradients that the paper states; files hold both numbers, and sessions give the trainer's bits.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { functional, type Graph, input, type Layer, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { packedParametersOf } from "../ts/nn/parameters.ts";
import { quantizer, quantizers, stateAt } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { agreedLogits, awkwardWeights, bits, engineWith } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomDataset, randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

/** Steps that leave latent weights where their slopes are not 0. */
const gentle = optimizers.sgd({ learningRate: 0.05 });

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const learnedNames = (graph: Graph): readonly string[] =>
  parametersOf(graph).flatMap(({ name }) => (/(Alpha|Offset)$/.test(name) ? [name] : []));

const SHAPE = [5, 4, 6] as const;
const window = { kernelSize: 3, padding: "same" } as const;
const head: readonly Layer[] = [layers.flatten(), layers.dense({ units: 3 })];
const around = (...middle: readonly Layer[]): Graph => sequential({ inputShape: SHAPE }, [...middle, ...head]);
const asTokens = layers.reshape({ targetShape: [20, 6] });

const families = ["elastic", "elastic-unit"] as const;

/** Every layer that takes quantizers of activations, without a batch norm, in front of which scales have no gradient. */
const networks = (own: string): Readonly<Record<string, Graph>> => {
  const activationQuantizer = own;
  const binary = { activationQuantizer, weightQuantizer: "bnn" } as const;
  return {
    "a convolution of real weights": around(layers.conv2d({ filters: 5, ...window, activationQuantizer })),
    "a convolution of signs, with a bias": around(layers.conv2d({ filters: 5, ...window, ...binary })),
    "a convolution of scaled signs behind another": around(
      layers.conv2d({ filters: 7, ...window }),
      layers.conv2d({ filters: 5, ...window, padding: "valid", ...binary, weightQuantizer: "xnor", useBias: false }),
    ),
    "a convolution around which ones stand": around(
      layers.conv2d({ filters: 3, ...window, ...binary, padValue: "one", strides: 2 }),
    ),
    "groups of channels": around(layers.conv2d({ filters: 4, kernelSize: 2, groups: 2, ...binary })),
    "a depthwise convolution": around(layers.depthwiseConv2d({ kernelSize: 3, padding: "same", activationQuantizer })),
    "a dense layer over a vector": around(layers.flatten(), layers.dense({ units: 9, ...binary })),
    "dense layers over tokens": around(
      asTokens,
      layers.dense({ units: 5, ...binary, weightQuantizer: "xnor" }),
      layers.dense({ units: 4, activationQuantizer }),
    ),
    "soft weights": around(layers.conv2d({ filters: 5, ...window, ...binary, weightQuantizer: "bnn++" })),
    attention: functional(
      ((x) => ({
        inputs: x,
        outputs: head.reduce(
          (value, layer) => layer.apply(value),
          layers
            .attention({ heads: 2, queryQuantizer: own, keyQuantizer: "elastic", valueQuantizer: own })
            .apply([asTokens.apply(x), layers.dense({ units: 6 }).apply(asTokens.apply(x)), asTokens.apply(x)]),
        ),
      }))(input({ shape: [...SHAPE] })),
    ),
    "attention of plain signs and others, by a threshold": functional(
      ((x) => ({
        inputs: x,
        outputs: head.reduce(
          (value, layer) => layer.apply(value),
          layers
            .attention({
              heads: 2,
              matrix: "threshold",
              queryQuantizer: "poly",
              keyQuantizer: own,
              valueQuantizer: "elastic",
            })
            .apply([layers.dense({ units: 6 }).apply(asTokens.apply(x)), asTokens.apply(x), asTokens.apply(x)]),
        ),
      }))(input({ shape: [...SHAPE] })),
    ),
    "a product of two values": functional(
      ((x) => {
        const tokens = asTokens.apply(x);
        const pairs = layers.matmul({ transposeSecond: true, firstQuantizer: own, secondQuantizer: "elastic" });
        return {
          inputs: x,
          outputs: head.reduce((value, layer) => layer.apply(value), pairs.apply([tokens, tokens])),
        };
      })(input({ shape: [...SHAPE] })),
    ),
  };
};

describe.each(families)("%s", (own) => {
  test.each(Object.entries(networks(own)))("learns as the oracle does: %s", async (_, graph) => {
    expect(learnedNames(graph).length).toBeGreaterThanOrEqual(2);
    for (const products of ["auto", "ff"] as const)
      await expectOracle(pool, { graph, steps: 2, products, optimizer: gentle });
  });

  test.each(Object.entries(networks(own)))("sessions give the trainer's bits: %s", async (_, graph) => {
    const split = randomSplit(5, 9, SHAPE, 3);
    for (const seed of [1, 2]) await agreedLogits(pool, graph, randomParameters(graph, seed), split);
  });

  it("keeps its numbers in the run's tensors, and in the packed file", async () => {
    const graph = networks(own)["dense layers over tokens"] as Graph;
    const names = ["dense/activationAlpha", "dense/activationOffset"];
    expect(learnedNames(graph)).toEqual([...names, "dense_1/activationAlpha", "dense_1/activationOffset"]);
    expect(packedParametersOf(graph).map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    const trainer = await Trainer.create(graph, { workers: 1, seed: 3, optimizer: optimizers.adam() });
    const before = await trainer.weights();
    expect(names.map((name) => [...(before.get(name) as Float32Array)])).toEqual([[1], [0]]);
    await trainer.fit(randomDataset(4, [20, 5], SHAPE, 3), { epochs: 1, batchSize: 10 });
    const after = await trainer.weights();
    const model = decodeModel(await trainer.pack());
    for (const name of names) {
      expect(after.get(name)).not.toEqual(before.get(name));
      expect(model.parameters.get(name)).toEqual(after.get(name));
    }
    await trainer.close();
  });

  it.each([
    ["a dense layer over a vector", "dense/activationAlpha"],
    ["attention", "attention/keyAlpha"],
  ])("reads an alpha that is not above 0 as 1e-5: %s", async (network, name) => {
    const graph = networks(own)[network] as Graph;
    const split = randomSplit(5, 4, SHAPE, 3);
    const weights = randomParameters(graph, 1);
    for (const [key, values] of weights) if (key === "dense/bias") values.fill(0);
    const at = async (alpha: number): Promise<number[]> =>
      bits(await agreedLogits(pool, graph, new Map(weights).set(name, Float32Array.of(alpha)), split));
    const least = await at(1e-5);
    expect(await at(-2)).toEqual(least);
    expect(await at(0)).toEqual(least);
    expect(await at(1)).not.toEqual(least);
  });
});

const stem = layers.conv2d({ filters: 6, ...window, name: "stem" });
const bothOf = (activationQuantizer: string) =>
  ({ weightQuantizer: "bnn", activationQuantizer, useBias: false }) as const;

/** Two layers of bits, the second of which reads what stands behind the first. */
const chains = (own: string): Readonly<Record<string, Graph>> => {
  const both = bothOf(own);
  const deep = (...middle: readonly Layer[]): Graph =>
    around(
      stem,
      layers.conv2d({ filters: 33, ...window, ...both, name: "first" }),
      ...middle,
      layers.conv2d({ filters: 5, ...window, ...both, weightQuantizer: "xnor", name: "second" }),
    );
  return {
    "a norm": deep(layers.batchNorm({ name: "norm" })),
    "a pool and a norm": deep(layers.maxPool2d(), layers.batchNorm({ name: "norm" })),
    "a shift": deep(layers.shift({ name: "norm" })),
    "a norm and relu": deep(layers.batchNorm(), layers.relu()),
    "an image that is flattened": around(
      stem,
      layers.conv2d({ filters: 9, ...window, ...both, weightQuantizer: "xnor", name: "first" }),
      layers.batchNorm({ name: "norm" }),
      layers.flatten(),
      layers.dense({ units: 7, ...both, name: "second" }),
    ),
    tokens: around(
      asTokens,
      layers.dense({ units: 12, ...both, name: "first" }),
      layers.batchNorm({ name: "norm" }),
      layers.dense({ units: 9, ...both, name: "second" }),
    ),
  };
};

describe.each(families)("bits of %s", (own) => {
  test.each(Object.entries(chains(own)))("come out of the comparison of sums behind %s", async (_, graph) => {
    const split = randomSplit(6, 9, SHAPE, 3);
    for (const seed of [1, 2, 3]) await agreedLogits(pool, graph, awkwardWeights(graph, seed), split);
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    const session = await load(await pack(engine, {}), { kernel: "lookup" });
    const { layers: rows } = await session.explain();
    const products = Object.fromEntries(rows.map(({ node, product }) => [node, product]));
    expect([products.first, products.second]).toEqual(["bb", "bb"]);
    const norm = rows.find(({ node }) => node === "norm");
    const second = rows.find(({ node }) => node === "second");
    const passes = second?.obstacles.filter(({ reason }) => /two passes over the input/.test(reason)).length;
    // Without a norm in front of it the input is f32.
    expect([norm?.fusedInto, passes]).toEqual(norm === undefined ? [undefined, 1] : ["first", 0]);
    expect(second?.activationBits).toBe(1);
  });

  test("are not those of another reader", async () => {
    const start = input({ shape: [...SHAPE] });
    const first = layers.conv2d({ filters: 33, ...window, ...bothOf(own) });
    const value = layers.batchNorm().apply(first.apply(stem.apply(start)));
    const readers = [own, own, "elastic", "poly", "elastic-unit"].map((activationQuantizer) =>
      layers.conv2d({ filters: 4, kernelSize: 1, ...bothOf(activationQuantizer) }).apply(value),
    );
    const all = readers.reduce((total, next) => layers.add().apply([total, next]));
    const graph = functional({ inputs: start, outputs: head.reduce((last, layer) => layer.apply(last), all) });
    const split = randomSplit(6, 9, SHAPE, 3);
    for (const seed of [1, 2]) await agreedLogits(pool, graph, awkwardWeights(graph, seed), split);
  });

  it("are looked up in training too, and explanations say what bars them elsewhere", async () => {
    const productsOf = async (graph: Graph, name: string) => {
      const trainer = await Trainer.create(graph, { workers: 1 });
      const row = trainer.explain().layers.find(({ op }) => op === name);
      await trainer.close();
      return [row?.forward?.product, row?.obstacles.some(({ reason }) => /two values that this layer/.test(reason))];
    };
    const all = networks(own);
    expect(await productsOf(all["a convolution of signs, with a bias"] as Graph, "conv2d")).toEqual(["bb", false]);
    const attended = own === "elastic" ? ["bb", false] : ["ff", true];
    expect(await productsOf(all.attention as Graph, "attention")).toEqual(attended);
    const mixed = own === "elastic" ? ["fb", false] : ["ff", true];
    expect(await productsOf(all["a convolution of real weights"] as Graph, "conv2d")).toEqual(mixed);
    expect(await productsOf(all["a convolution around which ones stand"] as Graph, "conv2d")).toEqual(["ff", true]);
    expect(await productsOf(all["groups of channels"] as Graph, "conv2d")).toEqual(["fb", true]);
  });
});

test.each([
  ["elastic", "elastic", "bb", []],
  ["elastic", "poly", "bb", []],
  ["poly", "elastic-unit", "bb", ["values"]],
  ["elastic", "elastic-unit", "ff", ["queries", "values"]],
] as const)(
  "attention of %s beside poly, over values of %s, looks scores up or says why not",
  async (own, values, product, barred) => {
    const start = input({ shape: [...SHAPE] });
    const x = asTokens.apply(start);
    const options = { heads: 2, queryQuantizer: own, keyQuantizer: "poly", valueQuantizer: values } as const;
    const attended = layers.attention({ matrix: "boolean", name: "attention", ...options }).apply([x, x, x]);
    const graph = functional({ inputs: start, outputs: head.reduce((last, layer) => layer.apply(last), attended) });
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    const session = await load(await pack(engine, {}), { kernel: "lookup" });
    const row = (await session.explain()).layers.find(({ op }) => op === "attention");
    expect(row).toMatchObject({ product, kernel: product === "bb" ? "attention_nibbles" : "attention_reals" });
    const reasons = row?.obstacles.flatMap(({ reason }) => /^the (.*) of ".*" are two values/.exec(reason)?.[1] ?? []);
    expect(reasons).toEqual(barred);
  },
);

test("two layers that share their parameters share what they learn", async () => {
  const layer = layers.dense({ units: 6, activationQuantizer: "elastic", name: "shared" });
  const graph = around(asTokens, layer, layer);
  expect(learnedNames(graph)).toEqual(["shared/activationAlpha", "shared/activationOffset"]);
  await expectOracle(pool, { graph, steps: 2, optimizer: gentle });
});

test("a frozen layer keeps its numbers", async () => {
  const frozen = layers.dense({ units: 6, activationQuantizer: "elastic", name: "frozen", trainable: false });
  const graph = around(layers.conv2d({ filters: 6, kernelSize: 1 }), asTokens, frozen);
  const trainer = await Trainer.create(graph, { workers: 1, seed: 3 });
  const before = await trainer.weights();
  await trainer.fit(randomDataset(4, [20, 5], SHAPE, 3), { epochs: 1, batchSize: 10 });
  const after = await trainer.weights();
  expect(after.get("frozen/activationAlpha")).toEqual(before.get("frozen/activationAlpha"));
  expect(after.get("conv2d/kernel")).not.toEqual(before.get("conv2d/kernel"));
  await trainer.close();
});

test("weights learn such numbers too, and files hold their levels alone", async () => {
  const graph = around(layers.conv2d({ filters: 5, ...window, weightQuantizer: "elastic" }));
  const names = ["conv2d/weightAlpha", "conv2d/weightOffset"];
  expect(learnedNames(graph)).toEqual(names);
  expect(packedParametersOf(graph).map(({ name }) => name)).not.toEqual(expect.arrayContaining(names));
  await expectOracle(pool, { graph, steps: 2, optimizer: gentle });
  await agreedLogits(pool, graph, randomParameters(graph, 2), randomSplit(5, 9, SHAPE, 3));
});

describe("the quantizers as values", () => {
  it("begin where their options say, also as a text", () => {
    const { parameters } = quantizer("elastic:alpha=0.5,offset=-0.25");
    expect(parameters).toEqual(quantizers.elastic({ alpha: 0.5, offset: -0.25 }).parameters);
    const graph = around(layers.conv2d({ filters: 2, kernelSize: 1, activationQuantizer: "elastic-unit:alpha=4" }));
    expect(parametersOf(graph).find(({ key }) => key === "activationAlpha")).toMatchObject({
      ...{ role: "real", shape: [1], initializer: 4 },
    });
    expect(stateAt(quantizers.elasticUnit(), 0.3)).toMatchObject({ parameters: [1, 0, 0, 0], hard: false });
  });

  it.each([
    [() => quantizers.elastic({ alpha: 0 }), /alpha must be a number from 0.00001|alpha/],
    [() => quantizers.elastic({ offset: Number.NaN }), /offset/],
    [() => quantizer({ ...quantizers.elastic(), backward: "one" } as never), /goes with elasticBox/],
    [() => quantizer({ ...quantizers.elastic(), hard: "sign" }), /hard "levels"/],
    [() => quantizer({ ...quantizers.elasticUnit(), standardize: "filter" }), /standardize/],
  ])("refuse what layers could not learn, %#", (make, message) => {
    expect(thrownBy(make)).toMatchObject({ code: "argument", message: expect.stringMatching(message) });
  });
});
