import { describe, expect, it } from "vitest";
import {
  convGeometry,
  functional,
  input,
  type Layer,
  layers,
  outputShape,
  type Padding,
  sequential,
  shapesOf,
} from "../ts/nn/index.ts";
import fc from "./fast-check.ts";
import { graphs, thrownBy } from "./nn-arbitrary.ts";

const size = fc.integer({ min: 1, max: 40 });
const window = fc.integer({ min: 1, max: 7 });

/** The geometry of one convolution of 1-channel images. */
function geometryOf(height: number, width: number, kernel: number, stride: number, padding: Padding) {
  const graph = sequential({ inputShape: [height, width, 1] }, [
    layers.conv2d({ filters: 2, kernelSize: kernel, strides: stride, padding }),
  ]);
  const node = graph.nodes[1];
  if (node?.op !== "conv2d") throw new Error("no convolution");
  return convGeometry(node, [height, width, 1]);
}

describe("convGeometry", () => {
  it("SAME yields ceil(in / stride), with the odd pixel of padding behind", () => {
    fc.assert(
      fc.property(size, size, window, window, (height, width, kernel, stride) => {
        const geometry = geometryOf(height, width, kernel, stride, "same");
        expect(geometry.outHeight).toBe(Math.ceil(height / stride));
        expect(geometry.outWidth).toBe(Math.ceil(width / stride));
        const behind = geometry.paddedHeight - height - geometry.padTop;
        expect(behind).toBeGreaterThanOrEqual(0);
        const needed = Math.max((geometry.outHeight - 1) * stride + kernel - height, 0);
        expect(geometry.padTop + behind).toBe(needed);
        expect(behind - geometry.padTop).toBe(needed % 2);
      }),
    );
  });

  it("VALID pads nothing, and one more window would not fit", () => {
    fc.assert(
      fc.property(size, size, window, window, (height, width, kernel, stride) => {
        fc.pre(kernel <= Math.min(height, width));
        const geometry = geometryOf(height, width, kernel, stride, "valid");
        expect([geometry.padTop, geometry.padLeft]).toEqual([0, 0]);
        expect([geometry.paddedHeight, geometry.paddedWidth]).toEqual([height, width]);
        expect((geometry.outHeight - 1) * stride + kernel).toBeLessThanOrEqual(height);
        expect(geometry.outHeight * stride + kernel).toBeGreaterThan(height);
      }),
    );
  });

  it("given pixels stand around the image, and one more window would not fit", () => {
    const sides = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(size, size, window, window, sides, sides, (height, width, kernel, stride, rows, columns) => {
        const [tall, wide] = [height + rows[0] + rows[1], width + columns[0] + columns[1]];
        fc.pre(kernel <= Math.min(tall, wide));
        const geometry = geometryOf(height, width, kernel, stride, [rows, columns]);
        expect([geometry.padTop, geometry.padLeft]).toEqual([rows[0], columns[0]]);
        const [lastRow, lastColumn] = [(geometry.outHeight - 1) * stride, (geometry.outWidth - 1) * stride];
        expect(lastRow + kernel).toBeLessThanOrEqual(Math.min(tall, geometry.paddedHeight));
        expect(lastColumn + kernel).toBeLessThanOrEqual(Math.min(wide, geometry.paddedWidth));
        expect(lastRow + stride + kernel).toBeGreaterThan(tall);
        expect(lastColumn + stride + kernel).toBeGreaterThan(wide);
        expect(geometry.paddedHeight).toBeGreaterThanOrEqual(rows[0] + height);
        expect(geometry.paddedWidth).toBeGreaterThanOrEqual(columns[0] + width);
      }),
    );
  });

  it("every window lies inside the padded image", () => {
    fc.assert(
      fc.property(size, size, window, window, (height, width, kernel, stride) => {
        const geometry = geometryOf(height, width, kernel, stride, "same");
        expect((geometry.outHeight - 1) * stride + kernel).toBeLessThanOrEqual(geometry.paddedHeight);
        expect((geometry.outWidth - 1) * stride + kernel).toBeLessThanOrEqual(geometry.paddedWidth);
        expect(geometry.padTop + height).toBeLessThanOrEqual(geometry.paddedHeight);
        expect(geometry.padLeft + width).toBeLessThanOrEqual(geometry.paddedWidth);
      }),
    );
  });

  it("is TensorFlow's for a 3 x 3 kernel with strides of 2", () => {
    const even = geometryOf(28, 27, 3, 2, "same");
    expect([even.padTop, even.padLeft, even.outHeight, even.outWidth]).toEqual([0, 1, 14, 14]);
    expect([even.paddedHeight, even.paddedWidth]).toEqual([29, 29]);
  });

  it.each([layers.maxPool2d, layers.avgPool2d])("gives a pool as many filters as channels", (pool) => {
    const graph = sequential({ inputShape: [7, 7, 5] }, [pool({ padding: "same" })]);
    const node = graph.nodes[1];
    if (node?.op !== "maxPool2d" && node?.op !== "avgPool2d") throw new Error("no pool");
    const geometry = convGeometry(node, [7, 7, 5]);
    expect([geometry.outHeight, geometry.outWidth, geometry.filters]).toEqual([4, 4, 5]);
    expect([geometry.strideHeight, geometry.strideWidth]).toEqual([2, 2]);
  });
});

describe("shape rules", () => {
  it("hold along every random network: a node's shape is what its own rule says of its inputs' shapes", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const shapes = shapesOf(graph);
        for (const node of graph.nodes) {
          const inputs = node.inputs.map((name) => shapes.get(name) ?? []);
          expect(outputShape(node, inputs)).toEqual(shapes.get(node.name));
        }
      }),
    );
  });

  it("a global average pool takes one window over the whole image, of any size, and yields a vector", () => {
    const graph = sequential({ inputShape: [700, 500, 5] }, [layers.globalAvgPool2d()]);
    const node = graph.nodes[1];
    if (node?.op !== "globalAvgPool2d") throw new Error("no pool");
    const geometry = convGeometry(node, [700, 500, 5]);
    expect([geometry.kernelHeight, geometry.kernelWidth, geometry.outHeight, geometry.outWidth]).toEqual([
      700, 500, 1, 1,
    ]);
    expect(outputShape(node, [[700, 500, 5]])).toEqual([5]);
    const error = thrownBy(() => sequential({ inputShape: [9] }, [layers.globalAvgPool2d()]));
    expect(error.message).toBe('layer "global_avg_pool2d": expected images [height, width, channels], was given [9]');
  });

  it("flatten multiplies, batch norm, activations and add keep", () => {
    const start = input({ shape: [4, 3, 2] });
    expect(layers.flatten().apply(start).shape).toEqual([24]);
    expect(layers.batchNorm().apply(start).shape).toEqual([4, 3, 2]);
    expect(layers.relu().apply(start).shape).toEqual([4, 3, 2]);
    expect(layers.add().apply([start, start]).shape).toEqual([4, 3, 2]);
  });

  it("a dense layer multiplies the last axis, and names itself where there are too many", () => {
    const heads = [[9], [4, 9], [3, 4, 9], [2, 3, 4, 9]].map((inputShape) =>
      shapesOf(sequential({ inputShape }, [layers.dense({ units: 10, name: "head" })])).get("head"),
    );
    expect(heads).toEqual([[10], [4, 10], [3, 4, 10], [2, 3, 4, 10]]);
    const error = thrownBy(() =>
      sequential({ inputShape: [2, 2 ** 20] }, [layers.dense({ units: 2 ** 9, name: "head" })]),
    );
    expect(error.code).toBe("shape");
    expect(error.message).toMatch(/^layer "head": expected at most 16777216 inputs and 268435456 weights/);
  });

  it("a convolution on vectors says where images come from", () => {
    const error = thrownBy(() =>
      sequential({ inputShape: [784] }, [layers.batchNorm(), layers.conv2d({ filters: 1, kernelSize: 3 })]),
    );
    expect(error.code).toBe("shape");
    expect(error.message).toBe('layer "conv2d": expected images [height, width, channels], was given [784]');
    expect(error.remedy).toContain("inputShape");
  });

  it("a VALID kernel larger than its image asks for padding", () => {
    const error = thrownBy(() => sequential({ inputShape: [2, 9, 1] }, [layers.conv2d({ filters: 1, kernelSize: 3 })]));
    expect(error.message).toBe(
      'layer "conv2d": expected an image of at least [3, 3] pixels, the size of the window, was given [2, 9, 1]',
    );
    expect(error.remedy).toContain('padding: "same"');
  });

  it.each([
    ["above", [2, 0], [0, 0]],
    ["below", [0, 2], [0, 0]],
    ["on the left", [0, 0], [2, 0]],
    ["on the right", [0, 0], [0, 2]],
  ] as const)("a pool refuses padding %s that fills a window", (_, rows, columns) => {
    const graph = (layer: Layer) => sequential({ inputShape: [4, 4, 1] }, [layer]);
    const padding = [rows, columns] as const;
    const error = thrownBy(() => graph(layers.maxPool2d({ poolSize: 2, strides: 1, padding })));
    expect([error.code, error.message]).toEqual([
      "shape",
      'layer "max_pool2d": expected windows that each hold a pixel of the image, was given [4, 4, 1]',
    ]);
    expect(error.remedy).toContain("[2, 2]");
    expect(graph(layers.conv2d({ filters: 1, kernelSize: 2, padding })).nodes).toHaveLength(2);
  });

  it("a convolution refuses a border that takes more memory than a tensor may", () => {
    const graph = (padding: number) =>
      sequential({ inputShape: [16384, 16384, 1] }, [
        layers.conv2d({ filters: 1, kernelSize: 1, strides: 64, padding }),
      ]);
    const error = thrownBy(() => graph(1));
    expect(error.message).toContain("tensors of at most 268435456, was given [16384, 16384, 1]");
    expect(graph(0).nodes).toHaveLength(2);
  });

  it("a pool takes padding as wide as its window where each window holds a pixel", () => {
    const padding = [
      [0, 2],
      [0, 0],
    ] as const;
    const graph = sequential({ inputShape: [4, 4, 1] }, [layers.maxPool2d({ poolSize: 2, strides: 3, padding })]);
    expect(shapesOf(graph).get(graph.output)).toEqual([2, 1, 1]);
  });

  it("add names both shapes", () => {
    const start = input({ shape: [8, 8, 3] });
    const other = layers.conv2d({ filters: 4, kernelSize: 1 }).apply(start);
    const error = thrownBy(() => layers.add({ name: "join" }).apply([start, other]));
    expect(error.code).toBe("shape");
    expect(error.message).toContain('layer "join"');
    expect(error.message).toContain("[8, 8, 3]");
    expect(error.message).toContain("[8, 8, 4]");
  });

  it.each([
    ["weights past 2^28", [2 ** 20], layers.dense({ units: 2 ** 10 })],
    ["sums past 2^24 terms", [2, 2, 2 ** 23], layers.conv2d({ filters: 1, kernelSize: 2 })],
    [
      "a padded image past 2^28",
      [2 ** 14, 2 ** 14, 1],
      layers.conv2d({ filters: 1, kernelSize: 3, strides: 2, padding: 1 }),
    ],
    ["an output past 2^28", [2 ** 12, 2 ** 12, 1], layers.conv2d({ filters: 2 ** 6, kernelSize: 1 })],
  ])("refuses %s", (_, inputShape, layer) => {
    expect(thrownBy(() => sequential({ inputShape }, [layer])).code).toBe("shape");
  });

  it("a padded image within bounds is accepted", () => {
    const start = input({ shape: [64, 64, 3] });
    const end = layers.conv2d({ filters: 8, kernelSize: 256, padding: "same" }).apply(start);
    expect(shapesOf(functional({ inputs: start, outputs: end })).get("conv2d")).toEqual([64, 64, 8]);
  });
});
