/**
 * Layers behind a flatten are not done on the way out of a layer before it. Their channels are all numbers of an image.
 * Every kind of product gives the trainer's logits. Layers stand between it and the flatten, and behind the flatten.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { functional, type Graph, input, layers, type SymbolicTensor } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { agreedLogits, awkwardWeights } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

const SHAPE = [5, 4, 6] as const;
type Step = (x: SymbolicTensor) => SymbolicTensor;
const nothing: Step = (x) => x;
const norm: Step = (x) => layers.batchNorm().apply(x);

const signs = { weightQuantizer: "bc", activationQuantizer: "poly" } as const;
const products = [
  ["real operands", { useBias: true }],
  ["signs", { ...signs, useBias: false }],
  ["signs and a bias", { ...signs, useBias: true }],
  ["signs and a scale", { weightQuantizer: "xnor", activationQuantizer: "poly", useBias: false }],
  ["signs and sums in 8 bits", { ...signs, accumulator: "saturate", useBias: false }],
  ["binary weights", { weightQuantizer: "bc", useBias: false }],
  ["binary activations", { activationQuantizer: "poly", useBias: false }],
  ["weights of two values", { weightQuantizer: "adabin", activationQuantizer: "poly", useBias: false }],
] as const;

/** Before the flatten: over the channels of pixels. */
const before: Readonly<Record<string, Step>> = {
  nothing,
  norm,
  pool: (x) => layers.maxPool2d({ poolSize: 2, strides: 1 }).apply(x),
  "pool and norm": (x) => norm(layers.maxPool2d().apply(x)),
  means: (x) => layers.avgPool2d({ poolSize: 2, strides: 1 }).apply(x),
  "relu and norm": (x) => norm(layers.relu().apply(x)),
  "norm and a sum": (x) => layers.add().apply([norm(x), x]),
  "a shift and slopes": (x) => layers.rprelu().apply(x),
  "two levels": (x) => layers.adaptiveSign().apply(x),
};

/** Behind the flatten: over all numbers of an image. */
const behind: Readonly<Record<string, Step>> = {
  norm,
  "norm and hardTanh": (x) => layers.hardTanh().apply(norm(x)),
  "relu and norm": (x) => norm(layers.relu().apply(x)),
  "a shift": (x) => layers.rsign().apply(x),
  "slopes and norm": (x) => norm(layers.prelu().apply(x)),
  "two levels": (x) => layers.adaptiveSign().apply(x),
  "norm and a sum": (x) => layers.add().apply([norm(x), x]),
  "a second flatten and norm": (x) => norm(layers.flatten().apply(x)),
};

const heads = [{}, { ...signs, useBias: false }, { activationQuantizer: "poly" }] as const;

function network(
  options: (typeof products)[number][1],
  first: Step,
  second: Step,
  head: (typeof heads)[number],
): Graph {
  const start = input({ shape: SHAPE });
  const sums = layers.conv2d({ filters: 7, kernelSize: 3, padding: "same", ...options }).apply(start);
  const vector = second(layers.flatten().apply(first(sums)));
  const hidden = norm(layers.dense({ units: 9, ...head }).apply(vector));
  return functional({ inputs: start, outputs: layers.dense({ units: 4 }).apply(hidden) });
}

test.each(products)(
  "a convolution of %s, with three ways from it to the flatten for each way on",
  async (_title, options) => {
    const firsts = Object.values(before);
    let [told, place] = [0, 0];
    for (const second of Object.values(behind)) {
      for (let way = 0; way < 3; way++, place++) {
        const graph = network(options, firsts[place % firsts.length] ?? nothing, second, heads[way] ?? {});
        const logits = await agreedLogits(pool, graph, awkwardWeights(graph, place), randomSplit(place, 7, SHAPE, 4));
        // Some image has other logits than another.
        if (new Set(logits).size > 4) told++;
      }
    }
    expect(told).toBeGreaterThan(place / 2);
  },
);

test.each(products.filter(([name, { useBias }]) => !useBias && name !== "weights of two values"))(
  "a step of training with a norm behind a flatten, %s",
  async (_title, options) => {
    for (const first of [nothing, before.pool ?? nothing, (x: SymbolicTensor) => layers.hardTanh().apply(norm(x))]) {
      const graph = network(options, first, norm, { ...signs, useBias: false });
      await expectOracle(pool, { graph, steps: 2, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
    }
  },
);

test("a dense layer of signs, whose output is a vector already, takes the norm behind a flatten as any other", async () => {
  const start = input({ shape: SHAPE });
  const sums = layers.binaryDense({ units: 11 }).apply(layers.flatten().apply(start));
  const hidden = norm(layers.flatten().apply(sums));
  const graph = functional({ inputs: start, outputs: layers.binaryDense({ units: 4 }).apply(hidden) });
  await agreedLogits(pool, graph, awkwardWeights(graph, 2), randomSplit(2, 7, SHAPE, 4));
});
