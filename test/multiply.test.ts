/** The guarantee: `multiply` takes two values of one shape, and says of others why they do not fit. */
import { describe, expect, it } from "vitest";
import { layers, outputShape, type Shape } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";

const shapeOf = (first: Shape, second: Shape): Shape =>
  outputShape(nodeOf(layers.multiply().operation, "gate", ["a", "b"]), [first, second]);

describe("multiply", () => {
  it("keeps the shape of its inputs", () => {
    for (const shape of [[3], [2, 3], [4, 5, 6], [2, 3, 4, 5]]) expect(shapeOf(shape, shape)).toEqual(shape);
  });

  it.each([
    [
      [4, 5, 3],
      [4, 5, 1],
    ],
    [[4, 5, 3], [3]],
    [[3], [3, 4]],
    [
      [4, 5],
      [5, 4],
    ],
  ])("refuses %j and %j", (first, second) => {
    const error = { code: "shape", message: expect.stringContaining('layer "gate": expected two inputs of one shape') };
    expect(() => shapeOf(first, second)).toThrow(expect.objectContaining(error));
  });
});
