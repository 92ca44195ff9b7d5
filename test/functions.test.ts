/**
 * The guarantee of elementwise functions: a name stands for one pair of maps in the trainer, in inference and in the oracle,
 * and the slope of a network that is made of it is that of its loss.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { functionNames, functions, mapArguments } from "../ts/quantizers/functions.ts";
import { backwardMapNumbers, backwardValue, forwardMapNumbers, forwardValue } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { agreedLogits } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

/** Each function between real layers, behind sums and behind a pool. */
const network = (activation: (typeof functionNames)[number]): Graph =>
  sequential({ inputShape: [6, 5, 3] }, [
    layers.conv2d({ filters: 5, kernelSize: 3 }),
    layers.activation({ activation }),
    layers.avgPool2d({ poolSize: 2, strides: 1 }),
    layers.activation({ activation }),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);

describe.each(functionNames)("%s", (name) => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await createPool({ workers: 2 });
  });
  afterAll(() => pool.close());

  test("trains as the oracle does", async () => {
    await expectOracle(pool, { graph: network(name), steps: 2 });
  });

  test("gives a packed network the trainer's logits", async () => {
    const graph = network(name);
    const logits = await agreedLogits(pool, graph, randomParameters(graph, 5), randomSplit(5, 9, [6, 5, 3], 3));
    expect(new Set(logits).size).toBeGreaterThan(9);
  });
});

/** Values on either side of every kink, to 5 digits, from tables. */
const known: Readonly<
  Record<(typeof functionNames)[number], readonly (readonly [x: number, y: number, slope: number])[]>
> = {
  relu: [
    [-1, 0, 0],
    [0, 0, 0],
    [2.5, 2.5, 1],
  ],
  hardTanh: [
    [-1.5, -1, 0],
    [-1, -1, 1],
    [0.25, 0.25, 1],
    [1.5, 1, 0],
  ],
  relu6: [
    [-1, 0, 0],
    [0, 0, 0],
    [2.5, 2.5, 1],
    [6, 6, 1],
    [7, 6, 0],
  ],
  sigmoid: [
    [0, 0.5, 0.25],
    [2, 0.8808, 0.10499],
    [-2, 0.1192, 0.10499],
  ],
  tanh: [
    [0, 0, 1],
    [0.5, 0.46212, 0.78645],
    [-0.5, -0.46212, 0.78645],
  ],
  gelu: [
    [0, 0, 0.5],
    [1, 0.84134, 1.08332],
    [-1, -0.15866, -0.08332],
    [3, 2.99595, 1.011946],
  ],
};

it.each(functionNames)("%s has the values and slopes of its definition", (name) => {
  const { forward, backward, parameters } = functions[name];
  for (const [x, y, slope] of known[name]) {
    expect(forwardValue(forward, x, parameters)).toBeCloseTo(y, 5);
    expect(backwardValue(backward, x, parameters)).toBeCloseTo(slope, 5);
  }
});

it("hands the core its numbers, and a place for parameters where there are any", () => {
  const placed: number[][] = [];
  const place = (values: Float32Array): string => {
    placed.push([...values]);
    return "place";
  };
  const common = { proximal: forwardMapNumbers.identity, table: null };
  expect(mapArguments(functions.gelu, place)).toEqual({
    forward: { ...common, map: forwardMapNumbers.gelu, parameters: null },
    backward: { ...common, map: backwardMapNumbers.geluPrime, parameters: null },
  });
  expect(placed).toEqual([]);
  expect(mapArguments(functions.tanh, place)).toEqual({
    forward: { ...common, map: forwardMapNumbers.tanh, parameters: "place" },
    backward: { ...common, map: backwardMapNumbers.tanhPrime, parameters: "place" },
  });
  expect(placed).toEqual([[1]]);
});
