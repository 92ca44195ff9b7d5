/** The guarantee: `zeroPadding2d` takes Keras's three forms of a border, around images alone. */
import { describe, expect, it } from "vitest";
import { layers, outputShape, type Shape } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";
import type { BorderSize } from "../ts/nn/ops/zero-padding2d.ts";

const shapeOf = (padding: BorderSize | undefined, input: Shape): Shape =>
  outputShape(nodeOf(layers.zeroPadding2d({ padding }).operation, "padded", ["x"]), [input]);

describe("zeroPadding2d", () => {
  it.each([
    [undefined, [6, 7, 3]],
    [0, [4, 5, 3]],
    [2, [8, 9, 3]],
    [
      [1, 3],
      [6, 11, 3],
    ],
    [
      [
        [1, 0],
        [2, 3],
      ],
      [5, 10, 3],
    ],
  ] as const)("by %j makes of [4,5,3] %j", (padding, shape) => {
    expect(shapeOf(padding, [4, 5, 3])).toEqual(shape);
  });

  it.each([[[4]], [[4, 5]], [[2, 4, 5, 3]]])("refuses %j", (input) => {
    const error = { code: "shape", message: expect.stringContaining("images [height, width, channels]") };
    expect(() => shapeOf(1, input)).toThrow(expect.objectContaining(error));
  });

  it.each([[-1], [257], [0.5], [[1]], [[1, 2, 3]], [[[1, 2], [3]]], ["same"]])("refuses a padding of %j", (padding) => {
    const error = { code: "argument", message: expect.stringContaining("padding must be") };
    expect(() => layers.zeroPadding2d({ padding } as never)).toThrow(expect.objectContaining(error));
  });
});
