import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { findDirtyTail, packedShape, packSigns, unpackSigns } from "../ts/io/bits.ts";
import { digestOf } from "../ts/io/digest.ts";
import type { PackedModel, PackedTensor } from "../ts/io/model-file.ts";
import { decodeModel, encodeModel, floatBytes } from "../ts/io/model-file.ts";
import { murmur128 } from "../ts/io/murmur.ts";
import type { SafeTensor } from "../ts/io/safetensors.ts";
import { decode, encode } from "../ts/io/safetensors.ts";
import { VERSION } from "../ts/io/version.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import fc from "./fast-check.ts";
import { thrown } from "./io-helpers.ts";

/** K of "bits" is 3 * 3 * 4 = 36. So a row has 5 bytes and a tail of 4 bits. */
const graph = sequential({ inputShape: [4, 4, 3], name: "tiny" }, [
  layers.conv2d({ name: "first", filters: 4, kernelSize: 3, padding: "same" }),
  layers.batchNorm({ name: "norm" }),
  layers.binaryConv2d({ name: "bits", filters: 5, kernelSize: 3, padding: "valid" }),
  layers.flatten({ name: "flat" }),
  layers.dense({ name: "out", units: 2 }),
]);

const signs = Float32Array.from({ length: 36 * 5 }, (_, index) => Math.sin(index * index));
const reals = (length: number, from: number) =>
  Float32Array.from({ length }, (_, index) => Math.fround(from + index / 7));

const model: PackedModel = {
  graph,
  parameters: new Map<string, PackedTensor>([
    ["first/kernel", reals(3 * 3 * 3 * 4, -3)],
    ["first/bias", reals(4, 0)],
    ["norm/gamma", reals(4, 1)],
    ["norm/beta", reals(4, -1)],
    ["norm/movingMean", reals(4, -2)],
    ["norm/movingVariance", Float32Array.of(0, 0.5, 1, 1e30)],
    ["bits/kernel", packSigns(signs, [3, 3, 4, 5])],
    ["out/kernel", reals(20 * 2, 0)],
    ["out/bias", reals(2, 5)],
  ]),
  metadata: { dataset: "mnist", classes: '["zero","ein\\"s"]' },
};

const withParameter = (name: string, data: Uint8Array | Float32Array): PackedModel => ({
  ...model,
  parameters: new Map([...model.parameters, [name, data]]),
});

const file = encodeModel(model);

interface Content {
  tensors: Map<string, SafeTensor>;
  metadata: Record<string, string>;
}

/** The valid file with one thing changed, written as a sound safetensors file. */
function changed(change: (content: Content) => void): Uint8Array {
  const { tensors, metadata } = decode(file.slice());
  const content = { tensors: new Map(tensors), metadata: { ...metadata } };
  change(content);
  return encode([...content.tensors.values()], content.metadata);
}

/** The same of a file from before files had digests. */
const withoutDigest = (change: (content: Content) => void = () => {}): Uint8Array =>
  changed((content) => {
    delete content.metadata.digest;
    change(content);
  });

const refuse = (change: (content: Content) => void) => thrown("model-file", () => decodeModel(changed(change))).message;

const replaced = (name: string, edit: (data: SafeTensor["data"]) => unknown) => (content: Content) => {
  edit(content.tensors.get(name)?.data ?? new Uint8Array());
};

describe("packed signs", () => {
  const kernels = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }))
    .chain(([taps, channels, filters]) => {
      const length = taps * channels * filters;
      const weights = fc.array(fc.float({ noNaN: true }), { minLength: length, maxLength: length });
      return weights.map((values) => ({ shape: [taps, 1, channels, filters], values: Float32Array.from(values) }));
    });

  it("put filter o, position k in byte k >> 3 of row o, least significant bit first, 1 for +1", () => {
    const weights = new Float32Array(9 * 2).fill(-1);
    weights[0 * 2 + 1] = 1;
    weights[3 * 2 + 0] = 2;
    weights[8 * 2 + 1] = 3;
    expect(Array.from(packSigns(weights, [9, 2]))).toEqual([0b1000, 0, 0b1, 0b1]);
    expect(packedShape([3, 3, 1, 2])).toEqual([2, 2]);
  });

  it("count 0 and -0.0 as +1", () => {
    expect(packSigns(Float32Array.of(0, -0, -1e-45), [3, 1])).toEqual(Uint8Array.of(0b011));
  });

  it("come back as the signs they were, with clean tails", () => {
    fc.assert(
      fc.property(kernels, ({ shape, values }) => {
        const bits = packSigns(values, shape);
        expect(unpackSigns(bits, shape)).toEqual(values.map((value) => (value >= 0 ? 1 : -1)));
        expect(findDirtyTail(bits, shape)).toBe(-1);
      }),
    );
  });

  it("tell which row has a dirty tail", () => {
    expect(findDirtyTail(Uint8Array.of(0x0f, 0x1f, 0x3f), [5, 3])).toBe(2);
    expect(findDirtyTail(Uint8Array.of(0xff, 0xff), [8, 2])).toBe(-1);
  });

  it("refuse NaN and lengths that do not fit", () => {
    expect(thrown("not-finite", () => packSigns(Float32Array.of(1, Number.NaN), [2, 1])).message).toContain(
      "weight 1 is NaN",
    );
    thrown("shape", () => packSigns(new Float32Array(3), [2, 2]));
    thrown("shape", () => unpackSigns(new Uint8Array(3), [2, 2]));
  });
});

describe("encodeModel", () => {
  it("is read back whole", () => {
    const read = decodeModel(file);
    const { digest, ...rest } = read;
    expect(rest).toEqual(model);
    expect(digest).toBe(decode(file).metadata.digest);
    expect([...read.parameters.keys()]).toEqual([...model.parameters.keys()]);
    expect(unpackSigns(read.parameters.get("bits/kernel") as Uint8Array, [3, 3, 4, 5])).toEqual(
      signs.map((value) => (value >= 0 ? 1 : -1)),
    );
  });

  it("writes the fields that the format names", () => {
    const { tensors, metadata } = decode(file);
    const { graph: graphText = "", metadata: texts = "", ...rest } = metadata;
    expect(rest).toEqual({
      format: "proxbit",
      version: "1",
      polarity: "1=+1",
      bitOrder: "lsb-first",
      producer: `proxbit ${VERSION}`,
      digest: expect.stringMatching(/^murmur3-128:[0-9a-f]{32}$/),
    });
    expect(JSON.parse(graphText)).toEqual(graph);
    expect(JSON.parse(texts)).toEqual(model.metadata);
    expect(tensors.get("bits/kernel")).toMatchObject({ dtype: "U8", shape: [5, 5] });
    expect(tensors.get("first/kernel")).toMatchObject({ dtype: "F32", shape: [3, 3, 3, 4] });
  });

  it("gives equal bytes for equal models, whatever their order", () => {
    const reordered: PackedModel = {
      graph: JSON.parse(JSON.stringify(graph)),
      parameters: new Map([...model.parameters].reverse()),
      metadata: Object.fromEntries(Object.entries(model.metadata).reverse()),
    };
    expect(encodeModel(reordered)).toEqual(file);
    expect(encodeModel(decodeModel(file))).toEqual(file);
  });

  it("is read from any position in a buffer", () => {
    for (let shift = 1; shift < 8; shift++) {
      const shifted = new Uint8Array(file.length + shift).subarray(shift);
      shifted.set(file);
      expect(decodeModel(shifted)).toEqual(decodeModel(file));
    }
  });

  it("gives views into the file, not copies", () => {
    for (const data of decodeModel(file).parameters.values()) expect(data.buffer).toBe(file.buffer);
  });

  it("refuses a graph that is none", () => {
    thrown("graph", () => encodeModel({ ...model, graph: { ...graph, output: "nobody" } }));
  });

  it("refuses a missing parameter and one the graph does not have", () => {
    const parameters = new Map(model.parameters);
    parameters.delete("out/bias");
    expect(thrown("argument", () => encodeModel({ ...model, parameters })).message).toContain('"out/bias" is missing');
    expect(thrown("argument", () => encodeModel(withParameter("out/gamma", reals(2, 0)))).message).toContain(
      '"out/gamma"',
    );
  });

  it("refuses real weights where bits belong, bits where real weights do, and wrong lengths", () => {
    expect(thrown("shape", () => encodeModel(withParameter("bits/kernel", signs))).remedy).toContain("Pack the signs");
    thrown("shape", () => encodeModel(withParameter("first/bias", Uint8Array.of(1, 2, 3, 4))));
    expect(thrown("shape", () => encodeModel(withParameter("first/bias", reals(5, 0)))).message).toContain(
      "4 elements of F32",
    );
    thrown("shape", () => encodeModel(withParameter("bits/kernel", new Uint8Array(24))));
  });

  it("refuses tail bits, numbers that are not finite and negative variances", () => {
    thrown("argument", () => encodeModel(withParameter("bits/kernel", new Uint8Array(25).fill(0xff))));
    thrown("not-finite", () => encodeModel(withParameter("out/bias", Float32Array.of(0, Number.NaN))));
    thrown("not-finite", () =>
      encodeModel(withParameter("norm/movingMean", Float32Array.of(0, 0, 0, Number.NEGATIVE_INFINITY))),
    );
    thrown("not-finite", () => encodeModel(withParameter("norm/movingVariance", Float32Array.of(0, 0, 0, -1e-40))));
  });

  it("refuses metadata that are not texts", () => {
    thrown("argument", () =>
      encodeModel({ ...model, metadata: { accuracy: 0.9 } as unknown as Record<string, string> }),
    );
    thrown("argument", () =>
      encodeModel({ ...model, metadata: { constructor: "x" } as unknown as Record<string, string> }),
    );
  });
});

describe("decodeModel refuses", () => {
  it("a safetensors file of another program", () => {
    expect(thrown("model-file", () => decodeModel(encode([], { format: "pt" }))).message).toContain(
      "not a model of proxbit",
    );
    expect(thrown("model-file", () => decodeModel(encode([], {}))).message).toContain("not a model of proxbit");
  });

  it("another version, and says which it reads", () => {
    const message = refuse(({ metadata }) => Object.assign(metadata, { version: "3" }));
    expect(message).toBe('the model file has version "3"; this proxbit reads versions "1" and "2"');
  });

  it.each(["version", "polarity", "bitOrder", "graph", "metadata"])("a file without the field %s", (key) => {
    expect(refuse(({ metadata }) => void delete metadata[key])).toContain(`lacks the field "${key}"`);
  });

  it("a field that no version has, which may be a damaged name", () => {
    expect(refuse(({ metadata }) => Object.assign(metadata, { digesu: "" }))).toBe(
      'the model file has the unknown field "digesu"',
    );
  });

  it("another polarity and another order of bits", () => {
    expect(refuse(({ metadata }) => Object.assign(metadata, { polarity: "1=-1" }))).toContain('polarity "1=-1"');
    expect(refuse(({ metadata }) => Object.assign(metadata, { bitOrder: "msb-first" }))).toContain("bitOrder");
  });

  it.each(["", "{", "null", '{"name":"x"}'])("the graph %j", (text) => {
    refuse(({ metadata }) => Object.assign(metadata, { graph: text }));
  });

  it("a graph with a key that stands twice", () => {
    const message = refuse(({ metadata }) =>
      Object.assign(metadata, { graph: metadata.graph?.replace('"filters":5', '"filters":5,"filters":5') }),
    );
    expect(message).toBe('the graph of the model file has the key "filters" twice');
  });

  it("a graph whose layers do not fit together, with the reason", () => {
    const message = refuse(({ metadata }) =>
      Object.assign(metadata, { graph: metadata.graph?.replace('"inputs":["norm"]', '"inputs":["nor"]') }),
    );
    expect(message).toMatch(/^the graph of the model file is not valid: .*"nor"/);
  });

  it("a graph of another size than its tensors", () => {
    const message = refuse(({ metadata }) =>
      Object.assign(metadata, { graph: metadata.graph?.replace('"filters":5', '"filters":6') }),
    );
    expect(message).toContain('"bits/kernel" of the model file is [5, 5]; the graph takes [6, 5]');
  });

  it("a graph of far larger layers than the file holds, without allocating them", () => {
    const message = refuse(({ metadata }) =>
      Object.assign(metadata, { graph: metadata.graph?.replace('"units":2', '"units":65536') }),
    );
    expect(message).toContain("[20, 65536]");
  });

  it.each(["[]", "3", '{"a":1}', '{"a":"1","a":"2"}', ""])("the metadata %s", (text) => {
    refuse(({ metadata }) => Object.assign(metadata, { metadata: text }));
  });

  it("a missing parameter", () => {
    expect(refuse(({ tensors }) => void tensors.delete("norm/beta"))).toContain('lacks the parameter "norm/beta"');
  });

  it("a tensor that the graph does not have", () => {
    const extra: SafeTensor = { name: "norm/bias", dtype: "U8", shape: [0], data: new Uint8Array() };
    expect(refuse(({ tensors }) => void tensors.set("norm/bias", extra))).toContain('"norm/bias"');
  });

  it("a parameter of another dtype", () => {
    const words: SafeTensor = { name: "out/bias", dtype: "I32", shape: [2], data: Int32Array.of(1, 2) };
    expect(refuse(({ tensors }) => void tensors.set("out/bias", words))).toContain("is I32; its role, real, takes F32");
    const real: SafeTensor = { name: "bits/kernel", dtype: "F32", shape: [5, 5], data: reals(25, 0) };
    expect(refuse(({ tensors }) => void tensors.set("bits/kernel", real))).toContain(
      "is F32; its role, latent, takes U8",
    );
  });

  it("a parameter of another shape with as many elements", () => {
    const turned: SafeTensor = { name: "out/kernel", dtype: "F32", shape: [2, 20], data: reals(40, 0) };
    expect(refuse(({ tensors }) => void tensors.set("out/kernel", turned))).toContain("[2, 20]");
  });

  it("a bit set past the last weight of a filter", () => {
    const message = refuse(replaced("bits/kernel", (data) => data.fill(0x10, 14, 15)));
    expect(message).toContain('"bits/kernel" has bits set past the end of filter 2');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("the number %d", (value) => {
    expect(refuse(replaced("first/kernel", (data) => data.fill(value, 7, 8)))).toContain(
      `holds ${value} at position 7`,
    );
  });

  it("a negative variance, but not a negative mean", () => {
    expect(refuse(replaced("norm/movingVariance", (data) => data.fill(-0.5, 1, 2)))).toContain(
      "negative variance -0.5 at position 1",
    );
    const change = replaced("norm/movingMean", (data) => data.fill(-0.5, 1, 2));
    expect(decodeModel(withoutDigest(change)).parameters.size).toBe(9);
  });

  it("every proper beginning of the file", () => {
    for (let length = 0; length < file.length; length++)
      thrown("model-file", () => decodeModel(file.subarray(0, length)));
  });

  it("every flip of one bit", () => {
    for (let at = 0; at < file.length; at++) {
      const bytes = file.slice();
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at & 7));
      thrown("model-file", () => decodeModel(bytes));
    }
  });

  it("a change of any text and of any tensor, by the digest", () => {
    const message = "the model file was changed after it was packed: its content does not match its digest";
    expect(refuse(replaced("bits/kernel", (data) => data.fill(0, 0, 1)))).toBe(message);
    expect(refuse(replaced("out/bias", (data) => data.fill(0.25, 1, 2)))).toBe(message);
    expect(refuse(({ metadata }) => Object.assign(metadata, { metadata: "{}" }))).toBe(message);
    expect(refuse(({ metadata }) => Object.assign(metadata, { producer: "proxbit 9" }))).toBe(message);
    expect(refuse(({ metadata }) => Object.assign(metadata, { digest: "" }))).toBe(message);
    const swapped = ({ tensors }: Content): void => {
      const [gamma, beta] = [tensors.get("norm/gamma"), tensors.get("norm/beta")] as [SafeTensor, SafeTensor];
      tensors.set("norm/gamma", { ...beta, name: "norm/gamma" }).set("norm/beta", { ...gamma, name: "norm/beta" });
    };
    expect(refuse(swapped)).toBe(message);
  });

  it("whatever flipped bytes make unsound, with nothing but typed errors, in a file without a digest", () => {
    const plain = withoutDigest();
    const flips = fc.array(fc.tuple(fc.nat(plain.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(flips, (list) => {
        const bytes = plain.slice();
        for (const [at, mask] of list) bytes[at] = (bytes[at] ?? 0) ^ mask;
        try {
          // A file that is read must be sound enough to be written again.
          expect(decodeModel(encodeModel(decodeModel(bytes))).parameters.size).toBe(9);
        } catch (error) {
          if (!(error instanceof ProxbitError && error.code === "model-file")) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("the digest", () => {
  it("is null for a file without one, which is read all the same", () => {
    const { digest, ...rest } = decodeModel(withoutDigest());
    expect(digest).toBeNull();
    expect(rest).toEqual(model);
  });

  it("depends on what a file says, not on the order in which it does", () => {
    const { tensors, metadata } = decode(file);
    const reversed = Object.fromEntries(Object.entries(metadata).reverse());
    expect(digestOf([...tensors.values()].reverse(), reversed)).toBe(metadata.digest);
  });

  it("is MurmurHash3_x86_128, as mmh3 for Python calculates it", () => {
    // python3 -c "import mmh3; print(mmh3.hash_bytes(bytes(i * i % 256 for i in range(LENGTH)), 0, False).hex())", by words
    const known: readonly (readonly [length: number, hash: string])[] = [
      [0, "00000000 00000000 00000000 00000000"],
      [1, "88c4adec 54d201b9 54d201b9 54d201b9"],
      [5, "39aa221d 162e8fd3 58a78441 58a78441"],
      [15, "4287ae2f 3d56f0fa df960e87 9e85171d"],
      [16, "3c97aaf8 f75a8b06 dfe4140a 7cadd1e6"],
      [17, "4b69b5c4 d53c49ab 70fa4eb4 f7a98eae"],
      [31, "7ab6771b 188fda94 c7c2e58e 294bde61"],
      [48_000, "422cc865 fd7e39c3 b7cca156 310989dd"],
    ];
    for (const [length, hash] of known) {
      const words = murmur128(Uint8Array.from({ length }, (_, i) => i * i));
      expect(Array.from(words, (word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(hash);
    }
  });
});

describe("sizes and versions", () => {
  it("floatBytes counts 4 bytes for every parameter", () => {
    expect(floatBytes(graph)).toBe(4 * (108 + 4 + 4 * 4 + 180 + 40 + 2));
  });

  it("the producer's version is the package's", async () => {
    const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
    expect(JSON.parse(text)).toMatchObject({ version: VERSION });
  });
});
