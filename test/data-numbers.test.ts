import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { split, take } from "../ts/data/index.ts";
import { thrown } from "./io-helpers.ts";

/** An expression as another realm evaluates it. */
const foreign = <T>(expression: string): T => runInNewContext(expression) as T;

describe("split of any numbers", () => {
  it.each([
    ["signed bytes", Int8Array.of(-128, 0, 127), 1 / 128, 0],
    ["16 bits", Uint16Array.of(0, 1, 65535), 2 / 65535, -1],
    ["32-bit floats", Float32Array.of(-1.5, 0, 1e30), 1, 0],
  ])("keeps %s as they are", (_, numbers, scale, offset) => {
    const made = split(numbers, [0, 1, 2], [1]);
    expect(made).toEqual({ count: 3, images: numbers, labels: Uint8Array.of(0, 1, 2), shape: [1], scale, offset });
    expect(made.images.buffer).toBe(numbers.buffer);
  });

  it.each([
    ["a list", [0, 1.5, -2, 3]],
    [
      "a list of lists",
      [
        [0, 1.5],
        [-2, 3],
      ],
    ],
    ["64-bit floats", Float64Array.of(0, 1.5, -2, 3)],
    ["32-bit floats of another realm", foreign("Float32Array.of(0, 1.5, -2, 3)")],
    ["a list of another realm", foreign("[[0, 1.5], [-2, 3]]")],
  ] as const)("makes 32-bit floats of %s", (_, numbers) => {
    const made = split(numbers as number[], [0, 1], [2]);
    expect(made.images).toBeInstanceOf(Float32Array);
    expect([...made.images]).toEqual([0, 1.5, -2, 3]);
  });

  it.each([
    ["rows", [[1, 2, 3], [4]], "list 1 of the images has 1 numbers, and list 0 has 3"],
    ["a number among rows", [[1, 2], 3, 4], "list 1 of the images has 1 numbers, and list 0 has 2"],
    [
      "rows within rows",
      [
        [[1, 2], [3]],
        [[4], []],
      ],
      "list 1 of the images has 1 numbers, and list 0 has 2",
    ],
  ])("refuses %s of several lengths", (_, rows, message) => {
    expect(thrown("shape", () => split(rows as number[][], [0, 1], [2])).message).toBe(message);
    thrown("shape", () => split([1, 2], null, [1], { targets: [[1, 2, 3], [4]] }));
  });

  it.each([
    ["a buffer", Uint8Array.of(7, 9).buffer],
    ["a shared buffer", foreign("const b = new SharedArrayBuffer(2); new Uint8Array(b).set([7, 9]); b")],
    ["a buffer of another realm", foreign("Uint8Array.of(7, 9).buffer")],
    ["bytes of another realm", foreign("Uint8Array.of(7, 9)")],
  ] as const)("takes bytes in %s", (_, bytes) => {
    const made = split(bytes as ArrayBuffer, [0, 1], [1, 1, 1]);
    expect(made.images).toBeInstanceOf(Uint8Array);
    expect([...made.images]).toEqual([7, 9]);
  });

  it.each([
    ["bytes", Uint8Array.of(3, 200)],
    ["signed bytes", Int8Array.of(3, 100)],
    ["64-bit integers", BigInt64Array.of(3n, 200n)],
    ["32-bit integers of another realm", foreign<Int32Array>("Int32Array.of(3, 200)")],
    ["a list", [3, 200]],
  ] as const)("keeps labels that are %s as bytes where they fit", (_, labels) => {
    const made = split(Float32Array.of(1, 2), labels, [1]);
    expect(made.labels).toEqual(Uint8Array.from(labels as unknown as number[], Number));
  });

  it("keeps labels up to 2^24 - 1", () => {
    expect(split([1, 2], [0, 2 ** 24 - 1], [1]).labels).toEqual(Uint32Array.of(0, 2 ** 24 - 1));
    thrown("data", () => split([1, 2], [0, 2 ** 24], [1]));
  });

  it("takes targets in place of labels, or beside them, and sample weights", () => {
    const made = split([1, 2, 3, 4], null, [2], {
      targets: [
        [1, 0, 1],
        [0, 0, 1],
      ],
      sampleWeights: [0.5, 2],
    });
    expect(made).toMatchObject({ count: 2, labels: new Uint8Array() });
    expect(made.targets).toEqual(Float32Array.of(1, 0, 1, 0, 0, 1));
    const cut = take(made, 1);
    expect(cut).toMatchObject({ count: 1, labels: new Uint8Array(), images: Float32Array.of(1, 2) });
    expect(cut).toMatchObject({ targets: Float32Array.of(1, 0, 1), sampleWeights: Float32Array.of(0.5) });
    expect(split([1, 2], [0, 1], [1], { targets: [5, 6] }).targets).toEqual(Float32Array.of(5, 6));
  });

  it.each([
    ["an input", "data", () => split(Float32Array.of(0, Number.NaN), [0, 1], [1]), "number 1 of the images is NaN"],
    ["an input", "data", () => split([[0], [Number.POSITIVE_INFINITY]], [0, 1], [1]), "number 1 of the images"],
    ["an input", "data", () => split([["4"], [0]] as unknown as number[][], [0, 1], [1]), '"4"'],
    ["an input past 32-bit floats", "data", () => split(Float64Array.of(0, 1e300), [0, 1], [1]), "1e+300"],
    ["a target", "data", () => split([1, 2], null, [1], { targets: [0, Number.NaN] }), "number 1 of the targets"],
    ["a number of targets", "shape", () => split([1, 2], null, [1], { targets: [0, 1, 2] }), "3 targets"],
    ["a weight", "data", () => split([1, 2], [0, 1], [1], { sampleWeights: [1, -1] }), "example 1 is -1"],
    ["all weights", "data", () => split([1, 2], [0, 1], [1], { sampleWeights: [0, 0] }), "all sample weights are 0"],
    ["a number of weights", "shape", () => split([1, 2], [0, 1], [1], { sampleWeights: [1] }), "1 sample weights"],
    ["a scale of floats", "argument", () => split([1, 2], [0, 1], [1], { scale: 2 }), "floats"],
    ["a number of inputs", "shape", () => split([1, 2, 3], null, [2], { targets: [0] }), "not 3"],
  ] as const)("refuses %s that does not fit", (_, code, make, message) => {
    expect(thrown(code, make).message).toContain(message);
  });
});
