import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import type { SafeTensor } from "../ts/io/safetensors.ts";
import { decode, encode, MAXIMUM_HEADER_BYTES } from "../ts/io/safetensors.ts";
import fc from "./fast-check.ts";
import { thrown } from "./io-helpers.ts";

/** A file with `header` (an object, or a text as it is) and `dataBytes` bytes 0, 1, 2 … behind. */
function craft(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  for (let index = 0; index < dataBytes; index++) bytes[8 + text.length + index] = index;
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const refuse = (bytes: Uint8Array) => thrown("model-file", () => decode(bytes)).message;
const refuseHeader = (header: unknown, dataBytes: number) => refuse(craft(header, dataBytes));

const sample: readonly SafeTensor[] = [
  { name: "b/bits", dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) },
  { name: "a/kernel", dtype: "F32", shape: [2, 2], data: Float32Array.of(1, -0, 0.1, 3e38) },
  { name: "counts", dtype: "I32", shape: [], data: Int32Array.of(-7) },
];

const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 6 });
const tensorWithoutName: fc.Arbitrary<(name: string) => SafeTensor> = fc.oneof(
  fc.uint8Array({ maxLength: 9 }).map(
    (data) =>
      (name: string): SafeTensor => ({ name, dtype: "U8", shape: [data.length], data }),
  ),
  floats.map((values) => (name: string): SafeTensor => {
    return { name, dtype: "F32", shape: [1, values.length, 1], data: Float32Array.from(values) };
  }),
  fc.int32Array({ maxLength: 6 }).map(
    (data) =>
      (name: string): SafeTensor => ({ name, dtype: "I32", shape: [data.length], data }),
  ),
);
const allowed = (name: string) => !["__metadata__", "__proto__", "constructor", "prototype"].includes(name);
const fileContent = fc.record({
  tensors: fc
    .uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }).filter(allowed), tensorWithoutName), {
      selector: ([name]) => name,
      maxLength: 6,
    })
    .map((pairs) => pairs.map(([name, tensor]) => tensor(name))),
  metadata: fc.dictionary(fc.string().filter(allowed), fc.string({ unit: "grapheme" }), {
    noNullPrototype: true,
    maxKeys: 4,
  }),
});

describe("encode", () => {
  it("lays the file out as the format says, byte for byte", () => {
    const bytes = encode(
      [
        { name: "u", dtype: "U8", shape: [1], data: Uint8Array.of(9) },
        { name: "f", dtype: "F32", shape: [1], data: Float32Array.of(1) },
      ],
      { k: "v" },
    );
    const header =
      '{"__metadata__":{"k":"v"},"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"u":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, " ");
    expect(Array.from(bytes.subarray(0, 8))).toEqual([padded.length, 0, 0, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    // 1 as a float is 0x3f800000, least significant byte first.
    expect(Array.from(bytes.subarray(8 + padded.length))).toEqual([0, 0, 0x80, 0x3f, 9]);
  });

  it("gives the same bytes whatever the order of tensors and metadata", () => {
    const one = encode(sample, { x: "1", a: "2" });
    const other = encode([...sample].reverse(), { a: "2", x: "1" });
    expect(other).toEqual(one);
  });

  it("keeps every bit of a float, those of NaN included", () => {
    const words = Int32Array.of(0x7fc00001, -0x3ffffe, 0x00000001, -0x80000000);
    const data = new Float32Array(words.buffer);
    const read = decode(encode([{ name: "w", dtype: "F32", shape: [4], data }], {})).tensors.get("w");
    const back = read?.data ?? new Uint8Array();
    expect(new Int32Array(back.buffer, back.byteOffset, back.length)).toEqual(words);
  });

  it("writes a view into a larger buffer without its surroundings", () => {
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const read = decode(encode([{ name: "w", dtype: "F32", shape: [2], data }], {})).tensors.get("w");
    expect(Array.from(read?.data ?? [])).toEqual([1, 2]);
  });

  it("refuses one name for two tensors", () => {
    const tensor: SafeTensor = { name: "w", dtype: "U8", shape: [1], data: Uint8Array.of(1) };
    expect(thrown("argument", () => encode([tensor, tensor], {})).message).toContain('"w" is given twice');
  });

  it.each(["__metadata__", "__proto__", "constructor", "\ud800"])("refuses the name %j", (name) => {
    thrown("argument", () => encode([{ name, dtype: "U8", shape: [1], data: Uint8Array.of(1) }], {}));
  });

  it("refuses a prototype key in the metadata", () => {
    thrown("argument", () => encode([], { constructor: "x" } as unknown as Record<string, string>));
  });

  it.each([[[2]], [[-1, -1]], [[0.5, 2]], [[2 ** 53, 2 ** 53]], [[Number.NaN]]])(
    "refuses the shape %j for one element",
    (shape) => {
      thrown("shape", () => encode([{ name: "w", dtype: "U8", shape, data: Uint8Array.of(1) }], {}));
    },
  );

  it("refuses a header that no reader would accept", () => {
    expect(thrown("argument", () => encode([], { x: "y".repeat(MAXIMUM_HEADER_BYTES) })).message).toContain("header");
  });
});

describe("decode", () => {
  it("returns what encode was given, as views", () => {
    const bytes = encode(sample, { note: "a\u0000\u{1f600}" });
    const { tensors, metadata } = decode(bytes);
    expect([...tensors.keys()]).toEqual(["a/kernel", "counts", "b/bits"]);
    for (const tensor of sample) {
      expect(tensors.get(tensor.name)).toEqual(tensor);
      expect(tensors.get(tensor.name)?.data.buffer).toBe(bytes.buffer);
    }
    expect(metadata).toEqual({ note: "a\u0000\u{1f600}" });
  });

  it("round-trips any tensors and metadata, at any position in a buffer", () => {
    fc.assert(
      fc.property(fileContent, fc.nat(7), ({ tensors, metadata }, shift) => {
        const bytes = encode(tensors, metadata);
        expect(bytes.length % 8).toBe(tensors.reduce((sum, { data }) => sum + data.byteLength, 0) % 8);
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
        shifted.set(bytes);
        const file = decode(shifted);
        expect(file.metadata).toEqual(metadata);
        expect(file.tensors.size).toBe(tensors.length);
        for (const tensor of tensors) expect(file.tensors.get(tensor.name)).toEqual(tensor);
        expect(encode([...file.tensors.values()], file.metadata)).toEqual(bytes);
      }),
    );
  });

  it("reads shared memory", () => {
    const bytes = encode(sample, {});
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect(decode(shared).tensors.get("b/bits")?.data).toEqual(Uint8Array.of(1, 2, 255));
  });

  it("reads tensors in the order of their bytes, not of the header, and words at odd offsets", () => {
    const header = { late: entry("I32", [1], 1, 5), early: entry("U8", [1], 0, 1), none: entry("F32", [0, 3], 5, 5) };
    const { tensors } = decode(craft(header, 5));
    expect([...tensors.keys()]).toEqual(["early", "late", "none"]);
    expect(tensors.get("late")?.data).toEqual(Int32Array.of(0x04030201));
    expect(tensors.get("none")?.data).toEqual(new Float32Array(0));
  });

  it("gives plain bytes out of a Buffer", () => {
    const data = decode(Buffer.from(encode(sample, {}))).tensors.get("b/bits")?.data;
    expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype);
    expect(data).toEqual(Uint8Array.of(1, 2, 255));
  });

  it("reads an empty file of the format", () => {
    const file = decode(craft("{}", 0));
    expect(file.tensors.size).toBe(0);
    expect(file.metadata).toEqual({});
  });
});

describe("decode refuses", () => {
  it("something that is no Uint8Array", () => {
    thrown("argument", () => decode("model.pb" as unknown as Uint8Array));
  });

  it.each([0, 1, 7])("a file of %i bytes", (length) => {
    expect(refuse(new Uint8Array(length))).toContain(`${length} bytes`);
  });

  it("a header longer than the cap, before it looks at the header", () => {
    const bytes = new Uint8Array(MAXIMUM_HEADER_BYTES + 16).fill(0x20);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(MAXIMUM_HEADER_BYTES + 1), true);
    expect(refuse(bytes)).toContain("at most 4194304");
  });

  it("a header length near 2^64", () => {
    const bytes = craft("{}", 0);
    bytes.fill(0xff, 0, 8);
    expect(refuse(bytes)).toContain("18446744073709551615");
  });

  it("a header that runs past the end of the file", () => {
    expect(refuse(craft("{}      ", 0).subarray(0, 12))).toContain("ends after 12");
  });

  it("a header that is not UTF-8", () => {
    const bytes = craft('{"a":1}', 0);
    bytes[10] = 0xff;
    expect(refuse(bytes)).toContain("UTF-8");
    // Whoever looks deeper finds out from the decoder.
    expect(thrown("model-file", () => decode(bytes)).cause).toBeInstanceOf(TypeError);
  });

  it("a header that begins with a byte order mark", () => {
    expect(refuseHeader("\uFEFF{}", 0)).toContain("not JSON");
  });

  it("a header that is not JSON", () => {
    expect(refuseHeader("{nothing}", 0)).toContain("not JSON");
  });

  it.each(["[]", "null", "1", '"x"'])("the header %s, which is no object", (header) => {
    expect(refuseHeader(header, 0)).toBe("the header is not an object");
  });

  it("a name that stands twice", () => {
    const one = JSON.stringify(entry("U8", [1], 0, 1));
    expect(refuseHeader(`{"w":${one},"w":${one}}`, 1)).toContain('"w" twice');
  });

  it("a tensor called __proto__", () => {
    expect(refuseHeader(`{"__proto__":${JSON.stringify(entry("U8", [1], 0, 1))}}`, 1)).toContain("__proto__");
  });

  it.each([[null], [1], [[]], ["U8"]])("a tensor described by %j", (value) => {
    expect(refuseHeader({ w: value }, 0)).toContain("other than an object");
  });

  it("an unknown field", () => {
    expect(refuseHeader({ w: { ...entry("U8", [1], 0, 1), extra: 1 } }, 1)).toContain('"extra"');
  });

  it.each(["BF16", "u8", "toString", "", 7, null, undefined])("the dtype %j", (dtype) => {
    expect(refuseHeader({ w: entry(dtype, [1], 0, 1) }, 1)).toContain("unknown dtype");
  });

  it.each([[[-1]], [[1.5]], [["1"]], [1], [null], [[1e300]]])("the shape %j", (shape) => {
    expect(refuseHeader({ w: entry("U8", shape, 0, 1) }, 1)).toContain("no list of sizes");
  });

  it("a shape whose product overflows", () => {
    expect(refuseHeader({ w: entry("U8", [2 ** 27, 2 ** 27], 0, 0) }, 0)).toContain("overflows");
  });

  it("a shape that overflows before a zero", () => {
    expect(refuseHeader({ w: entry("F32", [2 ** 52, 2, 0], 0, 0) }, 0)).toContain("overflows");
  });

  it("a shape that overflows only in bytes", () => {
    expect(refuseHeader({ w: entry("F32", [2 ** 52], 0, 0) }, 0)).toContain("overflows");
  });

  it.each([[[0]], [[0, 1, 2]], [[]], [1], [undefined]])("the data_offsets %j", (offsets) => {
    expect(refuseHeader({ w: { dtype: "U8", shape: [1], data_offsets: offsets } }, 1)).toContain(
      "lacks its two data_offsets",
    );
  });

  it.each<[unknown, unknown]>([
    [-1, 0],
    [0, 0.5],
    ["0", "1"],
    [0, null],
  ])("the positions %j and %j", (begin, end) => {
    expect(refuseHeader({ w: entry("U8", [1], begin, end) }, 1)).toContain("no positions");
  });

  it("a tensor that ends before it begins", () => {
    expect(refuseHeader({ w: entry("U8", [1], 1, 0) }, 1)).toContain("before it begins");
  });

  it("a tensor that ends past the file", () => {
    expect(refuseHeader({ w: entry("U8", [3], 0, 3) }, 2)).toContain("past the end");
  });

  it("a tensor of terabytes, without allocating them", () => {
    expect(refuseHeader({ w: entry("F32", [2 ** 40], 0, 2 ** 42) }, 4)).toContain("past the end");
  });

  it("offsets that do not span the shape", () => {
    expect(refuseHeader({ w: entry("F32", [2], 0, 4) }, 4)).toContain("needs 8 bytes");
  });

  it("a hole between two tensors", () => {
    expect(refuseHeader({ a: entry("U8", [1], 0, 1), b: entry("U8", [1], 2, 3) }, 3)).toContain("1 bytes before");
  });

  it("a hole before the first tensor", () => {
    expect(refuseHeader({ a: entry("U8", [1], 1, 2) }, 2)).toContain("belong to none");
  });

  it("two tensors that overlap", () => {
    expect(refuseHeader({ a: entry("U8", [2], 0, 2), b: entry("U8", [2], 1, 3) }, 3)).toContain("overlaps");
  });

  it("two tensors in one place", () => {
    expect(refuseHeader({ a: entry("U8", [2], 0, 2), b: entry("U8", [2], 0, 2) }, 2)).toContain("overlaps");
  });

  it("bytes after the last tensor", () => {
    expect(refuseHeader({ a: entry("U8", [1], 0, 1) }, 2)).toContain("left over");
    expect(refuseHeader({}, 1)).toContain("left over");
  });

  it.each([[1], [null], [[]], ["x"]])("the metadata %j", (metadata) => {
    expect(refuseHeader({ __metadata__: metadata }, 0)).toContain("metadata is not an object");
  });

  it("metadata that are not texts", () => {
    expect(refuseHeader({ __metadata__: { a: 1 } }, 0)).toContain('"a" is not a text');
  });
});

it("reads bytes that another realm made, as a frame or a test runner does", () => {
  const foreign: Uint8Array = runInNewContext("(numbers) => Uint8Array.from(numbers)")(encode(sample, {}));
  expect(foreign).not.toBeInstanceOf(Uint8Array);
  expect(decode(foreign).tensors).toEqual(decode(encode(sample, {})).tensors);
});

describe("decode under fire", () => {
  /** True where `bytes` are read. A thrown value other than a ProxbitError "model-file" fails the test. */
  function survives(bytes: Uint8Array): boolean {
    try {
      const { tensors } = decode(bytes);
      const total = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
      expect(total).toBeLessThan(bytes.length);
      return true;
    } catch (error) {
      if (error instanceof ProxbitError && error.code === "model-file") return false;
      throw error;
    }
  }

  const valid = encode(sample, { format: "proxbit", note: "x" });

  it("throws nothing but typed errors for flipped bytes", () => {
    const flips = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(flips, (list) => {
        const bytes = valid.slice();
        for (const [at, mask] of list) bytes[at] = (bytes[at] ?? 0) ^ mask;
        survives(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  it("refuses every proper beginning of a file", () => {
    for (let length = 0; length < valid.length; length++) expect(survives(valid.subarray(0, length))).toBe(false);
    expect(survives(valid)).toBe(true);
  });

  it("throws nothing but typed errors for numbers put into the header", () => {
    const text = new TextDecoder().decode(valid.subarray(8, valid.length - 23));
    const numbers = [...text.matchAll(/\d+/g)];
    expect(numbers.length).toBeGreaterThan(8);
    const replacement = fc.oneof(
      fc.maxSafeNat().map(String),
      fc.constantFrom("1e308", "-1", "9007199254740993", "4294967296", "1e-7", "null", "[]", "{}", '"0"'),
    );
    fc.assert(
      fc.property(fc.nat(numbers.length - 1), replacement, (which, by) => {
        const match = numbers[which];
        const at = match?.index ?? 0;
        survives(craft(text.slice(0, at) + by + text.slice(at + (match?.[0].length ?? 0)), 23));
      }),
      { numRuns: 2000 },
    );
  });

  it("throws nothing but typed errors for any bytes behind a sound length", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(8), (text, data) => void survives(craft(text, data))),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void survives(bytes)),
      { numRuns: 2000 },
    );
  });
});
