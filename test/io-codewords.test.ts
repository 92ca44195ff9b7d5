/** The compact form of 3x3 kernels: every number of codewords, groups and tails, and what a reader refuses. */

import { describe, expect, test } from "vitest";
import { packSigns } from "../ts/io/bits.ts";
import { fromCodewords, toCodewords } from "../ts/io/codewords.ts";
import { decodeModel, encodeModel, type PackedModel, type PackedTensor } from "../ts/io/model-file.ts";
import { decode, encode, type SafeTensor } from "../ts/io/safetensors.ts";
import { type Graph, layers, packedParametersOf, sequential } from "../ts/nn/index.ts";
import { randomStream } from "../ts/nn/random.ts";
import { kernelMatrix } from "../ts/nn/shapes.ts";
import { TAPS } from "../ts/quantizers/codebook.ts";
import fc from "./fast-check.ts";
import { thrown } from "./io-helpers.ts";

/** Packed signs of `filters` x `channels` kernels, the number of each given by its place, tap 0 in its lowest bit. */
function signsOf(filters: number, channels: number, numberOf: (kernel: number) => number): Uint8Array {
  const weights = Float32Array.from({ length: TAPS * channels * filters }, (_, at) => {
    const [row, filter] = [Math.floor(at / filters), at % filters];
    const [tap, channel] = [Math.floor(row / channels), row % channels];
    return (numberOf(filter * channels + channel) >> tap) & 1 ? 1 : -1;
  });
  return packSigns(weights, [TAPS * channels, filters]);
}

/** `n` different numbers of kernels, out of order. */
function numbersOf(n: number): number[] {
  const stream = randomStream(n, "codewords");
  const all = Array.from({ length: 512 }, (_, number) => number);
  for (let left = 512; left > 1; left--) {
    const at = stream.below(left);
    [all[at], all[left - 1]] = [all[left - 1]!, all[at]!];
  }
  return all.slice(0, n);
}

/** Bits of the form, least significant first, by its definition. */
const formOf = (table: readonly number[], width: number, indices: readonly number[]): Uint8Array => {
  const digits = (value: number, length: number) => Array.from({ length }, (_, bit) => (value >> bit) & 1);
  const bits = [...table.flatMap((word) => digits(word, 9)), ...indices.flatMap((index) => digits(index, width))];
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
    Array.from({ length: 8 }, (_bit, bit) => (bits[8 * byte + bit] ?? 0) << bit).reduce((a, b) => a | b),
  );
};

describe("the compact form", () => {
  test("is the table in ascending order, then the indices, as bits from the lowest on", () => {
    const numbers = [300, 7, 511, 7, 300, 7, 511, 511, 7, 300];
    const bits = signsOf(5, 2, (kernel) => numbers[kernel]!);
    const wanted = formOf(
      [7, 300, 511],
      2,
      numbers.map((number) => [7, 300, 511].indexOf(number)),
    );
    expect(toCodewords(bits, [18, 5])).toEqual(wanted);
    expect(wanted.length).toBe(Math.ceil((27 + 20) / 8));
  });

  test("of any number of codewords comes back, at every length of tail", () => {
    for (let n = 1; n <= 512; n++) {
      const words = numbersOf(n);
      // More kernels than make the form worth its table, and filters that end within a byte.
      const [filters, channels] = [41 + (n % 8), n > 256 ? 8 * 14 + (n % 3) : 64 + (n % 5)];
      const bits = signsOf(filters, channels, (kernel) => words[(kernel * 7) % n]!);
      const form = toCodewords(bits, [TAPS * channels, filters]);
      const distinct = new Set(Array.from({ length: filters * channels }, (_, kernel) => (kernel * 7) % n)).size;
      const size = TAPS * distinct + Math.max(1, Math.ceil(Math.log2(distinct))) * filters * channels;
      if (size >= TAPS * filters * channels) expect(form).toBeUndefined();
      else {
        expect(form?.length).toBe(Math.ceil(size / 8));
        expect(fromCodewords(form!, [TAPS * channels, filters])).toEqual(bits);
      }
    }
  });

  test("of random layers takes less than a bit a weight, or is none", () => {
    const drawn = fc.record({
      filters: fc.integer({ min: 1, max: 20 }),
      channels: fc.integer({ min: 1, max: 20 }),
      words: fc.array(fc.integer({ min: 0, max: 511 }), { minLength: 1, maxLength: 20 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(drawn, ({ filters, channels, words, seed }) => {
        const stream = randomStream(seed, "kernels");
        const chosen = Array.from({ length: filters * channels }, () => words[stream.below(words.length)]!);
        const n = new Set(chosen).size;
        const size = TAPS * n + Math.max(1, Math.ceil(Math.log2(n))) * chosen.length;
        const bits = signsOf(filters, channels, (kernel) => chosen[kernel]!);
        const form = toCodewords(bits, [TAPS * channels, filters]);
        expect(form === undefined).toBe(size >= TAPS * chosen.length);
        if (form !== undefined) expect(fromCodewords(form, [TAPS * channels, filters])).toEqual(bits);
      }),
    );
  });

  test.each([
    [
      "an index past its codewords",
      formOf([1, 2, 3], 2, [0, 3, 1, 2]),
      "has an index past its 3 codewords at kernel 1",
    ],
    [
      "codewords that stand twice",
      formOf([1, 1, 3], 2, [0, 0, 0, 0]),
      "has codewords that do not ascend: number 1 is 1",
    ],
    ["codewords out of order", formOf([3, 2], 1, [0, 0, 1, 1]), "has codewords that do not ascend: number 1 is 2"],
    ["an index past the only codeword", formOf([3], 1, [0, 0, 1, 0]), "has an index past its 1 codewords at kernel 2"],
    ["a tail that is not 0", formOf([1, 2, 3], 2, [0, 2, 1, 2, 1]), "has bits set past the end of its last index"],
    [
      "a length between two",
      formOf([1, 2, 3, 4], 2, [0]).subarray(0, 4),
      "has 4 bytes, which no number of codewords takes",
    ],
    ["no bytes", new Uint8Array(), "has 0 bytes, which no number of codewords takes"],
    ["more than 256 codewords", new Uint8Array(293), "has 293 bytes, which no number of codewords takes"],
  ])("with %s is refused", (_, bytes, fault) => {
    expect(fromCodewords(bytes, [TAPS * 2, 2])).toBe(fault);
  });
});

/** Kernels of one channel and of several, in groups, those of a depthwise layer, and another size. */
const graph = sequential({ inputShape: [9, 9, 1], name: "few" }, [
  layers.conv2d({ name: "one", filters: 30, kernelSize: 3, weightQuantizer: "bnn", useBias: false }),
  layers.batchNorm(),
  layers.binaryConv2d({ name: "many", filters: 20, kernelSize: 3, padding: "same" }),
  layers.batchNorm(),
  layers.binaryConv2d({ name: "groups", filters: 20, kernelSize: 3, padding: "same", groups: 4 }),
  layers.depthwiseConv2d({ name: "depth", kernelSize: 3, depthMultiplier: 3, weightQuantizer: "bnn", useBias: false }),
  layers.conv2d({ name: "two", filters: 4, kernelSize: 2, weightQuantizer: "bnn", useBias: false }),
  layers.flatten(),
  layers.dense({ name: "out", units: 2 }),
]);

const COMPACT = ["one", "many", "groups", "depth"].map((name) => `${name}/kernel`);

/** A model of `graph` whose 3x3 kernels are those of `numberOf`. */
function modelOf(of: Graph, numberOf: (kernel: number) => number): PackedModel {
  const parameters = packedParametersOf(of).map((parameter): [string, PackedTensor] => {
    if (parameter.role !== "latent") {
      return [parameter.name, new Float32Array(parameter.shape.reduce((a, b) => a * b, 1)).fill(1)];
    }
    const [reduced, filters] = kernelMatrix(parameter);
    return [
      parameter.name,
      COMPACT.includes(parameter.name)
        ? signsOf(filters, reduced / TAPS, numberOf)
        : packSigns(new Float32Array(reduced * filters).fill(1), [reduced, filters]),
    ];
  });
  return { graph: of, parameters: new Map(parameters), metadata: {} };
}

const words = [3, 40, 311, 6];
const model = modelOf(graph, (kernel) => words[(kernel * kernel) % 4]!);
const file = encodeModel(model);

/** The file without its digest, with one tensor changed. */
function changed(
  name: string,
  change: (tensor: SafeTensor) => SafeTensor,
  texts: Record<string, string> = {},
): Uint8Array {
  const { tensors, metadata } = decode(file);
  const { digest: _, ...rest } = metadata;
  const list = [...tensors.values()].map((tensor) => (tensor.name === name ? change(tensor) : tensor));
  return encode(list, { ...rest, ...texts });
}

describe("a model file", () => {
  test("keeps 3x3 kernels as codewords, dense, in groups and depthwise, and gives out plain signs", () => {
    const { tensors, metadata } = decode(file);
    expect(metadata.version).toBe("2");
    for (const name of COMPACT) expect(tensors.get(name)?.shape).toHaveLength(1);
    expect(tensors.get("two/kernel")?.shape).toHaveLength(2);
    const { digest, ...read } = decodeModel(file);
    expect(read).toEqual(model);
    expect(digest).toBe(metadata.digest);
    expect(encodeModel(read)).toEqual(file);
  });

  test("is what it was where kernels are many", () => {
    const stream = randomStream(5, "plain");
    const plain = encodeModel(modelOf(graph, () => stream.below(512)));
    const { tensors, metadata } = decode(plain);
    expect(metadata.version).toBe("1");
    for (const name of COMPACT) expect(tensors.get(name)?.shape).toHaveLength(2);
  });

  test("may hold plain signs in version 2, and no codewords in version 1", () => {
    const plain = (tensor: SafeTensor): SafeTensor => {
      const data = model.parameters.get("many/kernel") as Uint8Array;
      return { ...tensor, dtype: "U8", shape: [20, data.length / 20], data };
    };
    expect({ ...decodeModel(changed("many/kernel", plain)), digest: undefined }).toEqual(model);
    const older = () => decodeModel(changed("", (tensor) => tensor, { version: "1" }));
    expect(thrown("model-file", older).message).toMatch(/"one\/kernel" of the model file is \[\d+\]; the graph takes/);
  });

  test.each<[string, string, (tensor: SafeTensor) => SafeTensor, RegExp]>([
    ["a form that is not sound", "many/kernel", withByte(0, 0xff), /not sound: "many\/kernel" has codewords that/],
    ["a form cut short", "groups/kernel", cut, /not sound: "groups\/kernel" has \d+ bytes, which no number/],
    ["a form in place of other kernels", "two/kernel", flat, /"two\/kernel" of the model file is \[\d+\]; the graph/],
  ])("with %s is refused", (_, name, change, message) => {
    expect(thrown("model-file", () => decodeModel(changed(name, change))).message).toMatch(message);
  });

  test("with a flipped bit is refused, or read as other signs and written again", () => {
    const { data } = decode(file).tensors.get("many/kernel") as SafeTensor;
    for (let at = 0; at < 8 * data.length; at += 5) {
      const flip = (tensor: SafeTensor) => withByte(at >> 3, (data[at >> 3] as number) ^ (1 << (at & 7)))(tensor);
      try {
        const read = decodeModel(changed("many/kernel", flip));
        expect(decodeModel(encodeModel(read)).parameters).toEqual(read.parameters);
      } catch (error) {
        expect(error).toMatchObject({ code: "model-file" });
      }
    }
  });
});

function withByte(at: number, value: number): (tensor: SafeTensor) => SafeTensor {
  return (tensor) => ({ ...tensor, dtype: "U8", data: Uint8Array.from(tensor.data).with(at, value) });
}

function cut(tensor: SafeTensor): SafeTensor {
  const data = Uint8Array.from(tensor.data).slice(0, 3);
  return { ...tensor, dtype: "U8", shape: [3], data };
}

function flat(tensor: SafeTensor): SafeTensor {
  return { ...tensor, dtype: "U8", shape: [tensor.data.length], data: Uint8Array.from(tensor.data) };
}
