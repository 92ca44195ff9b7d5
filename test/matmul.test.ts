/** The guarantee: `matmul` says of values that do not fit what does, and of operands of +-1 that they are multiplied as reals. */
import { expect, it, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { functional, input, layers, outputShape, type Shape } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";
import { matmulObstacles } from "../ts/obstacles.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { bits, engineWith, inMemory, randomNumbers } from "./inference-helpers.ts";

const shapeOf = (first: Shape, second: Shape, transposeSecond: boolean): Shape =>
  outputShape(nodeOf(layers.matmul({ transposeSecond }).operation, "product", ["a", "b"]), [first, second]);

it("multiplies matrices, and stacks of as many", () => {
  expect(shapeOf([3, 4], [4, 5], false)).toEqual([3, 5]);
  expect(shapeOf([3, 4], [5, 4], true)).toEqual([3, 5]);
  expect(shapeOf([2, 3, 4], [2, 4, 5], false)).toEqual([2, 3, 5]);
});

it.each([
  [[4], [4], false, "matrices of 2 axes, or of 3 for several products"],
  [[1, 2, 3, 4], [1, 2, 4, 5], false, "matrices of 2 axes"],
  [[3, 4], [5, 4], false, "a second value [4, columns]"],
  [[3, 4], [4, 5], true, "a second value [columns, 4]"],
  [[2, 3, 4], [3, 4, 5], false, "a second value [2, 4, columns]"],
  [[3, 4], [1, 4, 5], false, "a second value [4, columns]"],
] as const)("refuses %j and %j (transposed: %j)", (first, second, transposed, message) => {
  const error = { code: "shape", message: expect.stringContaining(`layer "product": expected ${message}`) };
  expect(() => shapeOf(first, second, transposed)).toThrow(expect.objectContaining(error));
});

test("several workers share the rows of one image, with the same bits", async () => {
  const start = input({ shape: [9, 6] });
  const hard = { firstQuantizer: "poly", secondQuantizer: "bnn" } as const;
  const pairs = layers.matmul({ transposeSecond: true, name: "pairs", ...hard }).apply([start, start]);
  const last = layers.dense({ units: 3 }).apply(layers.flatten().apply(layers.matmul().apply([pairs, start])));
  const graph = functional({ inputs: start, outputs: last });
  const pool = await createPool({ workers: 1 });
  const model = decodeModel(await pack(await engineWith(pool, graph, randomParameters(graph, 1)), {}));
  const images = randomNumbers(3 * 54, "pairs");
  const wanted = bits((await inMemory(model, {})).run(images));
  expect(new Set(wanted).size).toBeGreaterThan(3);
  for (const shares of [{ workers: 4 }, { batch: 2 }]) {
    expect(bits((await inMemory(model, shares)).run(images))).toEqual(wanted);
  }
  const reasons = graph.nodes.flatMap((node) => matmulObstacles(node).map(({ reason }) => reason));
  expect(reasons).toEqual(["matmul has no product over bits: operands of +-1 are multiplied as reals"]);
  pool.close();
});
