/**
 * The guarantees of `matmul`. It says of values that do not fit what does. Operands that are both signs are multiplied as bits in
 * the trainer and in sessions, with the numbers of the product over reals. Explanations name the product, and what bars bits.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { load } from "../ts/inference/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { functional, type Graph, input, layers, outputShape, type Shape, summary } from "../ts/nn/index.ts";
import { nodeOf } from "../ts/nn/nodes.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { explainTraining } from "../ts/train/explain/explain-training.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { blankFile } from "./blank-models.ts";
import { agreedLogits, bits, engineWith, inMemory, randomNumbers } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

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

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

const hard = { firstQuantizer: "poly", secondQuantizer: "bnn" } as const;
const CLASSES = 3;

test("several workers share the rows of one image, with the same bits", async () => {
  const start = input({ shape: [9, 6] });
  const pairs = layers.matmul({ transposeSecond: true, name: "pairs", ...hard }).apply([start, start]);
  const last = layers.dense({ units: 3 }).apply(layers.flatten().apply(layers.matmul().apply([pairs, start])));
  const graph = functional({ inputs: start, outputs: last });
  const model = decodeModel(await pack(await engineWith(pool, graph, randomParameters(graph, 1)), {}));
  const images = randomNumbers(3 * 54, "pairs");
  const wanted = bits((await inMemory(model, {})).run(images));
  expect(new Set(wanted).size).toBeGreaterThan(3);
  for (const shares of [{ workers: 4 }, { batch: 2 }, { workers: 4, kernel: "popcnt64" }] as const) {
    expect(bits((await inMemory(model, shares)).run(images))).toEqual(wanted);
  }
});

const sizeOf = (shape: Shape): number => shape.reduce((product, axis) => product * axis, 1);

/** One product of two parts of the input, of these shapes. */
function productGraph(first: Shape, second: Shape, options: Parameters<typeof layers.matmul>[0]): Graph {
  const all = input({ shape: [sizeOf(first) + sizeOf(second)] });
  const part = (start: number, shape: Shape) =>
    layers.reshape({ targetShape: [...shape] }).apply(layers.slice({ start, size: sizeOf(shape) }).apply(all));
  const operands = [part(0, first), part(sizeOf(first), second)];
  const made = layers.matmul({ name: "product", ...options }).apply(operands);
  return functional({ inputs: all, outputs: layers.flatten().apply(made) });
}

describe.each([
  ["rows by columns", [5, 67], [67, 35], false],
  ["rows by rows", [6, 261], [33, 261], true],
  ["stacks", [2, 3, 8], [2, 8, 5], false],
  ["stacks of rows", [3, 2, 6], [3, 4, 6], true],
] as const)("signs of %s", (_name, first, second, transposeSecond) => {
  const graph = productGraph(first, second, { transposeSecond, ...hard });

  it("give in sessions the whole numbers that the product over reals gives", async () => {
    const images = randomNumbers(2 * (sizeOf(first) + sizeOf(second)), "signs").map((x, i) => (i % 7 === 0 ? -0 : x));
    const real = productGraph(first, second, { transposeSecond });
    const wanted = (await load(blankFile(real), { variant: "plain" })).run(
      images.map((x) => (x >= 0 ? 1 : -1)),
      { count: 2 },
    );
    for (const [kernel, name] of [
      ["lookup", "bb_slices_nibbles"],
      ["popcnt8", "bb_slices_words"],
      ["popcnt64", "bb_slices_words"],
    ] as const) {
      const session = await load(blankFile(graph), { variant: "relaxed", kernel });
      expect(bits(session.run(images, { count: 2 })), kernel).toEqual(bits(wanted));
      const layer = (await session.explain()).layers.find(({ op }) => op === "matmul");
      expect(layer).toMatchObject({ product: "bb", kernel: name, activationBits: 1 });
    }
  });
});

test("signs of products of a trainer are those of sessions, from a norm on as bits", async () => {
  const start = input({ shape: [6, 3, 2] });
  const stem = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }).apply(start);
  const rows = (name: string, filters: number) => {
    const sums = layers.binaryConv2d({ filters, kernelSize: 1, name: `${name}_sums` }).apply(stem);
    return layers.reshape({ targetShape: [18, filters] }).apply(layers.batchNorm({ name }).apply(sums));
  };
  const pairs = layers
    .matmul({ transposeSecond: true, name: "pairs", ...hard })
    .apply([rows("first", 6), rows("second", 6)]);
  const outputs = layers.dense({ units: CLASSES }).apply(layers.flatten().apply(pairs));
  const graph = functional({ inputs: start, outputs });
  const weights = randomParameters(graph, 2);
  await agreedLogits(pool, graph, weights, randomSplit(2, 4, [6, 3, 2], CLASSES));
  const model = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
  const calls = (await inMemory(model, { workers: 3 })).prepared.compiled.program.flat(2);
  const kernelsOf = (name: string) => [...new Set(calls.filter(({ node }) => node === name).map((own) => own.kernel))];
  expect(kernelsOf("pairs")).toEqual(["bb_slices_nibbles"]);
  for (const name of ["first_sums", "second_sums"]) {
    const given = calls.findLast(({ node }) => node === name)?.arguments;
    expect(given).toMatchObject({ nextBits: expect.anything() });
    expect(given?.out ?? null).toBe(null);
  }
});

describe("explanations", () => {
  const small = (options: Parameters<typeof layers.matmul>[0]): Graph => {
    const start = input({ shape: [4, 5] });
    const own = layers.dense({ units: 5 }).apply(start);
    const pairs = layers.matmul({ transposeSecond: true, name: "pairs", ...options }).apply([own, own]);
    return functional({ inputs: start, outputs: layers.dense({ units: 2 }).apply(layers.flatten().apply(pairs)) });
  };

  it("of a trainer name bits forward, and tables on the way back", async () => {
    const explained = async (options: Parameters<typeof small>[0]) => {
      const graph = small(options);
      const { layers: all } = explainTraining(await engineWith(pool, graph, randomParameters(graph, 1)), {});
      return all.find(({ op }) => op === "matmul");
    };
    const names = (layer: Awaited<ReturnType<typeof explained>>) =>
      [...(layer?.parts ?? []), ...(layer?.gradientParts ?? [])].map(({ part, product }) => `${part} ${product}`);
    const signs = await explained(hard);
    expect(signs).toMatchObject({ forward: { product: "bb" }, activationBits: 1 });
    expect(names(signs)).toEqual(["product bb", "first gradient fb", "second gradient fb"]);
    const soft = await explained({ firstQuantizer: "bnn++", secondQuantizer: "bnn++" });
    expect(names(soft)).toEqual(["product ff", "first gradient ff", "second gradient ff"]);
  });

  it.each([
    [hard, ["5 terms are not a multiple of 4: the last 1 cost as much as 4"]],
    [
      { firstQuantizer: "poly" },
      [
        "real second values",
        "only the first values are +-1: signs are multiplied as reals where the other operand is not of signs",
      ],
    ],
    [
      { firstQuantizer: "elastic", secondQuantizer: "bnn" },
      [
        'the first values of "elastic" are two values that this layer multiplies as reals',
        "only the second values are +-1: signs are multiplied as reals where the other operand is not of signs",
      ],
    ],
    [{}, ["real first values and second values"]],
  ] as const)("of session and trainer over %j say what bars or wastes bits", async (options, reasons) => {
    const graph = small(options);
    const session = await load(blankFile(graph), { variant: "plain" });
    const engine = await engineWith(pool, graph, randomParameters(graph, 1));
    const trained = explainTraining(engine, { progress: 1 }).layers.find(({ op }) => op === "matmul");
    const layer = (await session.explain()).layers.find(({ op }) => op === "matmul");
    for (const own of [layer, trained]) expect(own?.obstacles.map(({ reason }) => reason)).toEqual(reasons);
    expect(layer?.product).toBe(options === hard ? "bb" : "ff");
    const counted = summary(graph).rows.find(({ op }) => op === "matmul");
    expect([counted?.product, counted?.products.length]).toEqual([layer?.product, 1]);
  });

  it("of a session say that more than 65535 terms are not counted", async () => {
    const graph = productGraph([1, 65536], [1, 65536], { transposeSecond: true, ...hard });
    const session = await load(blankFile(graph), { variant: "plain" });
    const layer = (await session.explain()).layers.find(({ op }) => op === "matmul");
    expect(layer).toMatchObject({ product: "ff", kernel: "ff_slices" });
    expect(layer?.obstacles.map(({ reason }) => reason)).toEqual([
      "65536 terms are more than the 65535 whose signs are counted: a product of reals",
    ]);
    const image = Float32Array.from({ length: 2 * 65536 }, (_, i) => (i % 3 === 0 ? -1 : 1));
    const wanted = image.subarray(0, 65536).reduce((sum, x, i) => sum + x * (image[65536 + i] as number), 0);
    expect([...session.run(image)]).toEqual([wanted]);
  });
});
