/**
 * The guarantee: `reshape` keeps the numbers and their order. A layer of signs behind it reads them as they are, whatever the
 * product before it writes.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { layers, outputShape, type Shape, sequential } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { agreedLogits, awkwardWeights } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

const shapeOf = (targetShape: Shape, input: Shape): Shape =>
  outputShape(nodeOf(layers.reshape({ targetShape }).operation, "shaped", ["x"]), [input]);

describe("reshape", () => {
  it.each([
    [
      [6, 2],
      [4, 3],
      [6, 2],
    ],
    [
      [-1, 2],
      [4, 3],
      [6, 2],
    ],
    [[2, -1, 3], [12], [2, 2, 3]],
    [[-1], [4, 3], [12]],
    [
      [12, -1],
      [4, 3],
      [12, 1],
    ],
    [
      [1, 2, 3, 2],
      [4, 3],
      [1, 2, 3, 2],
    ],
  ])("to %j makes of %j %j", (target, input, shape) => {
    expect(shapeOf(target, input)).toEqual(shape);
  });

  it.each([
    [[5, 2], "10 elements for the target shape [5, 2]"],
    [[24], "24 elements"],
    [[6], "6 elements"],
    [[-1, 5], "a multiple of 5 elements"],
    [[-1, 24], "a multiple of 24 elements"],
  ])("to %j refuses 12 elements", (target, expected) => {
    const error = { code: "shape", message: expect.stringContaining(expected) };
    expect(() => shapeOf(target, [4, 3])).toThrow(expect.objectContaining(error));
  });

  it.each([[[]], [[-1, -1]], [[0, 12]], [[-2]], [[1, 1, 1, 1, 12]]])("has no target shape %j", (targetShape) => {
    expect(() => layers.reshape({ targetShape })).toThrow(expect.objectContaining({ code: "argument" }));
  });
});

const signs = { weightQuantizer: "bc", activationQuantizer: "poly", useBias: false } as const;

test.each([
  ["a vector", [layers.flatten(), layers.dense({ units: 24, ...signs })], [4, 3, 2]],
  ["an image", [layers.conv2d({ filters: 6, kernelSize: 2, padding: "same", ...signs })], [-1, 8, 3]],
  ["an image with the same channels", [layers.conv2d({ filters: 6, kernelSize: 2, ...signs })], [2, -1, 6]],
] as const)("signs behind the reshape of %s are those of the trainer", async (_, before, targetShape) => {
  for (const layer of [
    { kernelSize: 2, filters: 5, ...signs },
    { kernelSize: [1, 2], filters: 3, useBias: false },
  ] as const) {
    const graph = sequential({ inputShape: [4, 5, 3] }, [
      ...before,
      layers.batchNorm(),
      layers.reshape({ targetShape }),
      layers.conv2d(layer),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 4 }),
    ]);
    const logits = await agreedLogits(pool, graph, awkwardWeights(graph, 1), randomSplit(1, 7, [4, 5, 3], 4));
    expect(new Set(logits).size).toBeGreaterThan(4);
  }
});
