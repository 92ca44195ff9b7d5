/**
 * Rows and pixels that do not fit a strip of the cache are done one at a time. A strip has at least a row then, and the
 * memory between two steps holds it.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadParallel } from "../ts/inference/index.ts";
import { STRIP_BYTES } from "../ts/inference/strips.ts";
import { type Graph, type Layer, layers, sequential, shapesOf } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, inputMetadata } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

type Shape = readonly [number, number, number];
/** Three steps behind a product go through both pieces of memory. */
const steps = (): Layer[] => [layers.prelu(), layers.batchNorm(), layers.hardTanh(), layers.shift()];
const signs = { weightQuantizer: "bc", activationQuantizer: "poly" } as const;

const wideRows = (options: Omit<Parameters<typeof layers.conv2d>[0], "filters" | "kernelSize">): Graph =>
  sequential({ inputShape: [5, 500, 2] }, [
    layers.conv2d({ filters: 17, kernelSize: 3, padding: "same", name: "wide", ...options }),
    ...steps(),
    layers.globalAvgPool2d(),
    layers.dense({ units: 3 }),
  ]);

const networks: readonly (readonly [string, Shape, string, Graph])[] = [
  ["rows of real operands", [5, 500, 2], "wide", wideRows({})],
  ["rows of signs with a bias", [5, 500, 2], "wide", wideRows({ ...signs, useBias: true })],
  ["rows of signs with a scale", [5, 500, 2], "wide", wideRows({ ...signs, weightQuantizer: "xnor" })],
  ["rows of sums in 8 bits", [5, 500, 2], "wide", wideRows({ ...signs, accumulator: "saturate" })],
  ["rows of binary activations", [5, 500, 2], "wide", wideRows({ activationQuantizer: "poly" })],
  [
    "vectors behind a flatten",
    [3, 5, 560],
    "flat",
    sequential({ inputShape: [3, 5, 560] }, [layers.flatten({ name: "flat" }), ...steps(), layers.dense({ units: 3 })]),
  ],
  [
    "pixels of an image",
    [2, 3, 8200],
    "pixels",
    sequential({ inputShape: [2, 3, 8200] }, [
      layers.prelu({ name: "pixels" }),
      ...steps(),
      layers.globalAvgPool2d(),
      layers.dense({ units: 3 }),
    ]),
  ],
  [
    "a dense layer's output",
    [2, 2, 3],
    "wide",
    sequential({ inputShape: [2, 2, 3] }, [
      layers.flatten(),
      layers.dense({ units: 8200, name: "wide" }),
      ...steps(),
      layers.dense({ units: 3 }),
    ]),
  ],
];

test.each(networks)("%s wider than a strip", async (_title, shape, name, graph) => {
  const row =
    shapesOf(graph)
      .get(name)
      ?.slice(name === "pixels" ? -1 : -2) ?? [];
  expect(row.reduce((product, size) => product * size, 4)).toBeGreaterThan(STRIP_BYTES);
  const [weights, split] = [awkwardWeights(graph, 3), randomSplit(3, 7, shape, 3)];
  const logits = await agreedLogits(pool, graph, weights, split);
  expect(new Set(logits).size).toBeGreaterThan(3);
  const session = await loadParallel(await pack(await engineWith(pool, graph, weights), inputMetadata(split)), {
    workers: 2,
  });
  expect(bits(await session.run(split.images, { count: split.count }))).toEqual(bits(logits));
  session.close();
});
