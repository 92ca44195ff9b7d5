/**
 * The guarantees of dilated convolutions beyond what all operations have: every kind of operand trains as the oracle says,
 * and runs by every kernel as the trainer evaluates, cut into parts or not.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadParallel, type ParallelOptions } from "../ts/inference/index.ts";
import { type Conv2dOptions, type Graph, layers, sequential, validateGraph } from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, inputMetadata } from "./inference-helpers.ts";
import { thrownBy } from "./nn-arbitrary.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

const SHAPE = [9, 8, 2] as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** A dilated layer behind a batch norm, and one of bits behind it. */
const around = (options: Omit<Conv2dOptions, "filters">): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 6, kernelSize: 2, useBias: false }),
    layers.batchNorm(),
    layers.hardTanh(),
    layers.conv2d({ name: "dilated", filters: 9, useBias: false, ...options }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 5, kernelSize: 2, activationQuantizer: "poly", weightQuantizer: "bnn" }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

const operands = {
  real: {},
  "soft weights": { weightQuantizer: "bnn++" },
  "weights of signs": { weightQuantizer: "bnn" },
  "activations of signs": { activationQuantizer: "poly" },
  signs: { weightQuantizer: "bnn", activationQuantizer: "poly" },
  "signs in 8 bits": { weightQuantizer: "bnn", activationQuantizer: "poly", accumulator: "wrap" },
} as const;

const windows = {
  "columns and rows, same": { kernelSize: 3, dilationRate: 2, padding: "same" },
  "rows alone, ones around": { kernelSize: [3, 2], dilationRate: [3, 1], padding: [2, 1], padValue: "one" },
  "columns alone, valid": { kernelSize: [2, 3], dilationRate: [1, 3] },
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

test("many lanes of sixteen images train as the oracle says", async () => {
  const graph = around({ kernelSize: [2, 2], dilationRate: 2, weightQuantizer: "bnn", activationQuantizer: "poly" });
  await expectOracle(pool, { graph, images: 140 });
});

test.each(Object.entries(windows))("parts of a layer see the windows of the whole: %s", async (_window, own) => {
  const graph = around({ ...own, ...operands.signs });
  const split = randomSplit(4, 2, SHAPE, 4);
  const engine = await engineWith(pool, graph, randomParameters(graph, 5));
  const file = await pack(engine, inputMetadata(split));
  const logits = async (options: ParallelOptions): Promise<readonly number[]> => {
    const session = await loadParallel(file, { variant: "plain-shared", ...options });
    const found = bits(await session.run(split.images, { count: split.count }));
    session.close();
    return found;
  };
  const alone = await logits({ workers: 1, batch: 1 });
  for (const kernel of ["lookup", "popcnt8", "popcnt64"] as const) {
    expect(await logits({ workers: 3, batch: 1, kernel })).toEqual(alone);
  }
});

test("taps side by side leave no mark in a graph, so that files from before are what they were", () => {
  const made = (options: object): unknown =>
    around({ kernelSize: 3, ...options }).nodes.find(({ name }) => name === "dilated")?.attributes;
  expect(made({ dilationRate: 1 })).toEqual(made({}));
  expect(made({ dilationRate: [1, 1] })).not.toHaveProperty("dilationRate");
  expect(made({ dilationRate: [1, 2] })).toHaveProperty("dilationRate", [1, 2]);
  const graph = around({ kernelSize: 3, dilationRate: [1, 2] });
  expect(validateGraph(JSON.parse(JSON.stringify(graph)))).toEqual(graph);
});

test("refuses strides beside a dilation, and windows that are larger than the image", () => {
  const error = thrownBy(() => around({ kernelSize: 2, strides: 2, dilationRate: [1, 2] }));
  expect([error.code, error.message]).toEqual([
    "argument",
    'layer "dilated": strides [2, 2] stand beside dilationRate [1, 2]',
  ]);
  expect(thrownBy(() => around({ kernelSize: 3, dilationRate: [4, 1] })).message).toContain("at least [9, 3] pixels");
});
