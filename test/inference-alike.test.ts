/**
 * Layers that are alike in everything but their weights keep these apart: whatever the compiler remembers by shape, it
 * remembers for one layer. Three such layers stand behind each other; the trainer's logits must come out of the packed model.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { functional, type Graph, input, layers, type SymbolicTensor } from "../ts/nn/index.ts";
import { compose, proximals, transforms } from "../ts/quantizers/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, trainerLogits, type Weights } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

const SHAPE = [5, 6, 12] as const;
const norm = (x: SymbolicTensor): SymbolicTensor => layers.batchNorm().apply(x);
const signs = { weightQuantizer: "bc", activationQuantizer: "poly" } as const;
type Options = Omit<Parameters<typeof layers.conv2d>[0], "filters" | "kernelSize">;
const conv = (x: SymbolicTensor, options: Options): SymbolicTensor =>
  layers.conv2d({ filters: 12, kernelSize: 3, padding: "same", useBias: false, ...options }).apply(x);
/** Activations that end at the samples of a table, another for each layer. */
const tabled = (layer: number) =>
  compose({
    proximal: proximals.fromFunction((x) => Math.sign(x) * Math.abs(x) ** (1 / (layer + 1)), { samples: 65 }),
    transform: transforms.identity(),
    hardenAt: 1,
  });

/** A block from 12 channels to 12, and which layer of three it is. */
type Block = (x: SymbolicTensor, layer: number) => SymbolicTensor;
const blocks: readonly (readonly [string, Block])[] = [
  ["thresholds", (x) => norm(conv(x, signs))],
  ["thresholds behind a padding of +1", (x) => norm(conv(x, { ...signs, padValue: "one" }))],
  [
    "thresholds behind a pool",
    (x) => norm(layers.maxPool2d({ poolSize: 2, strides: 1, padding: "same" }).apply(conv(x, signs))),
  ],
  ["thresholds of sums with a scale", (x) => norm(conv(x, { ...signs, weightQuantizer: "xnor" }))],
  ["thresholds of learned shifts", (x) => layers.shift().apply(conv(x, signs))],
  [
    "thresholds of learned shifts of sums with a scale",
    (x) => layers.shift().apply(conv(x, { ...signs, weightQuantizer: "xnor" })),
  ],
  ["a learned shift and shortcut", (x) => layers.add().apply([layers.shift().apply(conv(x, signs)), x])],
  ["batch norm and shortcut", (x) => layers.add().apply([norm(conv(x, signs)), x])],
  ["sums with a bias", (x) => layers.hardTanh().apply(conv(x, { ...signs, useBias: true }))],
  ["sums in 8 bits", (x) => norm(conv(x, { ...signs, accumulator: "saturate" }))],
  ["real weights", (x) => norm(conv(x, { activationQuantizer: "poly", useBias: true }))],
  ["real activations", (x) => layers.hardTanh().apply(norm(conv(x, { weightQuantizer: "bc" })))],
  ["real operands", (x) => layers.hardTanh().apply(conv(x, { useBias: true }))],
  ["weights of two values", (x) => norm(conv(x, { weightQuantizer: "adabin" }))],
  ["tables", (x, layer) => norm(conv(x, { activationQuantizer: { ...tabled(layer), hard: "levels" } }))],
  ["shifts and slopes", (x) => layers.rprelu().apply(conv(layers.rsign().apply(x), signs))],
  ["two levels", (x) => layers.adaptiveSign().apply(conv(x, {}))],
];

const onImages = (block: Block): Graph => {
  const start = input({ shape: SHAPE });
  const last = [0, 1, 2].reduce(block, layers.hardTanh().apply(start));
  return functional({ inputs: start, outputs: layers.dense({ units: 4 }).apply(layers.flatten().apply(last)) });
};

const onVectors = (options: Omit<Parameters<typeof layers.dense>[0], "units">): Graph => {
  const start = input({ shape: SHAPE });
  let last = layers.flatten().apply(start);
  for (let layer = 0; layer < 4; layer++) last = norm(layers.dense({ units: 21, ...options }).apply(last));
  return functional({ inputs: start, outputs: layers.dense({ units: 4 }).apply(last) });
};

/** The same weights with those of two layers in each other's place. */
function swapped(graph: Graph, weights: Weights): Weights {
  const products = graph.nodes.filter(({ op }) => op === "conv2d" || op === "dense");
  // Of dense layers the first reads images and is larger than the others.
  const [first, second] = products[0]?.op === "dense" ? products.slice(1) : products;
  const other = new Map(weights);
  for (const [name, values] of weights) {
    const place = name.slice(name.indexOf("/"));
    if (name.startsWith(`${first?.name}/`)) other.set(`${second?.name}${place}`, values);
    if (name.startsWith(`${second?.name}/`)) other.set(`${first?.name}${place}`, values);
  }
  return other;
}

async function expectApart(graph: Graph): Promise<void> {
  let told = 0;
  for (const seed of [1, 2, 3]) {
    const [weights, split] = [awkwardWeights(graph, seed), randomSplit(seed, 8, SHAPE, 4)];
    const logits = await agreedLogits(pool, graph, weights, split);
    const other = await trainerLogits(await engineWith(pool, graph, swapped(graph, weights)), split);
    if (String(bits(other)) !== String(bits(logits))) told++;
  }
  // The images tell one layer from the other.
  expect(told).toBeGreaterThan(0);
}

test.each(blocks)("convolutions with %s", async (_title, block) => {
  await expectApart(onImages(block));
});

test.each([
  ["signs", { ...signs, useBias: false }],
  ["signs and biases", { ...signs, useBias: true }],
  ["sums in 8 bits", { ...signs, accumulator: "wrap" }],
  ["real weights", { activationQuantizer: "poly" }],
  ["real activations", { weightQuantizer: "bc" }],
  ["real operands", {}],
] as const)("dense layers of %s", async (_title, options) => {
  await expectApart(onVectors(options));
});
