/** The guarantee: `permute` takes each axis of its input once, and says of anything else why it does not fit. */
import { describe, expect, it } from "vitest";
import { layers, outputShape, type Shape } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";

const shapeOf = (dims: readonly number[], input: Shape): Shape =>
  outputShape(nodeOf(layers.permute({ dims }).operation, "turned", ["x"]), [input]);

describe("permute", () => {
  it.each([
    [
      [2, 1],
      [4, 5],
      [5, 4],
    ],
    [
      [3, 1, 2],
      [4, 5, 6],
      [6, 4, 5],
    ],
    [
      [4, 2, 1, 3],
      [2, 3, 4, 5],
      [5, 3, 2, 4],
    ],
    [[1], [7], [7]],
  ])("%j makes of %j %j", (dims, input, turned) => {
    expect(shapeOf(dims, input)).toEqual(turned);
  });

  it.each([[[4, 5, 6]], [[4]]])("refuses the shape %j for two axes", (input) => {
    const error = { code: "shape", message: expect.stringContaining("2 axes, as dims [2, 1] has") };
    expect(() => shapeOf([2, 1], input)).toThrow(expect.objectContaining(error));
  });

  it.each([[[0, 1]], [[1, 1]], [[1, 3]], [[]], [[1, 2, 3, 4, 5]], [[1.5, 1]]])("refuses the dims %j", (dims) => {
    const error = { code: "argument", message: expect.stringContaining("dims must be") };
    expect(() => layers.permute({ dims })).toThrow(expect.objectContaining(error));
  });
});
