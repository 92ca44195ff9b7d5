/** The guarantee: `upSampling2d` is over images, down and to the right by numbers of their own, and refuses anything else. */
import { describe, expect, it } from "vitest";
import { layers, outputShape, type Shape, sequential } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";

const shapeOf = (size: number | readonly [number, number] | undefined, input: Shape): Shape =>
  outputShape(nodeOf(layers.upSampling2d({ size }).operation, "larger", ["x"]), [input]);

describe("upSampling2d", () => {
  it.each([
    [undefined, [8, 10, 3]],
    [3, [12, 15, 3]],
    [
      [1, 4],
      [4, 20, 3],
    ],
  ] as const)("by %j makes of [4,5,3] %j", (size, shape) => {
    expect(shapeOf(size, [4, 5, 3])).toEqual(shape);
  });

  it.each([[[4]], [[4, 5]], [[2, 4, 5, 3]]])("refuses %j", (input) => {
    const error = { code: "shape", message: expect.stringContaining("images [height, width, channels]") };
    expect(() => shapeOf(2, input)).toThrow(expect.objectContaining(error));
  });

  it.each([[0], [257], [[2, 0]], [[2]]])("refuses a size of %j", (size) => {
    const error = { code: "argument", message: expect.stringContaining("size must be") };
    expect(() => layers.upSampling2d({ size } as never)).toThrow(expect.objectContaining(error));
  });

  it("takes the interpolations of Keras, and leaves the default out of a graph", () => {
    const made = (interpolation: "nearest" | "bilinear"): unknown =>
      layers.upSampling2d({ interpolation }).operation.attributes;
    expect(made("nearest")).toEqual({ size: [2, 2] });
    expect(made("bilinear")).toEqual({ size: [2, 2], interpolation: "bilinear" });
    expect(() => made("bicubic" as never)).toThrow(expect.objectContaining({ code: "argument" }));
  });

  it("is refused where the value becomes larger than a tensor can be", () => {
    const larger = [layers.upSampling2d({ size: 256 }), layers.upSampling2d({ size: 256 })];
    expect(() => sequential({ inputShape: [2, 4, 3] }, larger)).toThrow(
      expect.objectContaining({ code: "graph", message: expect.stringContaining("elements") }),
    );
  });
});
