/** The guarantee: `concatenate` joins what fits along its axis, and says of anything else why it does not fit. */
import { describe, expect, it } from "vitest";
import { layers, outputShape, type Shape } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";

const shapeOf = (axis: number, first: Shape, second: Shape): Shape =>
  outputShape(nodeOf(layers.concatenate({ axis }).operation, "joined", ["a", "b"]), [first, second]);

describe("concatenate", () => {
  it.each([
    [-1, [4, 5, 3], [4, 5, 7], [4, 5, 10]],
    [1, [4, 5, 3], [4, 1, 3], [4, 6, 3]],
    [0, [4, 5, 3], [2, 5, 3], [6, 5, 3]],
    [-4, [1, 2, 3, 4], [5, 2, 3, 4], [6, 2, 3, 4]],
    [0, [3], [4], [7]],
  ])("along axis %i makes of %j and %j %j", (axis, first, second, joined) => {
    expect(shapeOf(axis, first, second)).toEqual(joined);
  });

  it.each([
    ["an axis that is none", 1, [3], [3], "an axis 1"],
    ["an axis before the first", -2, [3], [3], "an axis -2"],
    ["other sizes elsewhere", -1, [4, 5, 3], [4, 6, 3], "alike but for axis 2"],
    ["another number of axes", 0, [4, 5], [4, 5, 1], "alike but for axis 0"],
    ["fewer axes", 0, [4, 5], [4], "alike but for axis 0"],
  ])("refuses %s", (_, axis, first, second, expected) => {
    const error = {
      code: "shape",
      message: expect.stringContaining(expected),
      remedy: expect.stringMatching(/axis|axes/),
    };
    expect(() => shapeOf(axis, first, second)).toThrow(expect.objectContaining(error));
  });

  it.each([4, -5, 0.5])("has no axis %d", (axis) => {
    expect(() => layers.concatenate({ axis })).toThrow(expect.objectContaining({ code: "argument" }));
  });
});
