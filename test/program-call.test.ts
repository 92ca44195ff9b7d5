/**
 * The guarantee of calls with names. Their table is that of the Rust sources. A missing or a strange argument is
 * refused.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { generated } from "../scripts/generate-kernels.ts";
import { exportsOf, fieldsOf, sizesOf } from "../scripts/rust.ts";
import { constantOf, mapsOf } from "../scripts/rust-maps.ts";
import { addressed, k, kernelsOver, lengthsOf, placesOf, positions, productOf } from "../ts/program/call.ts";
import { CONV_SHAPE_BYTES } from "../ts/program/kernels.ts";
import { at } from "../ts/program/place.ts";

test.each(Object.entries(generated()))("%s is fresh: npm run generate", (file, text) => {
  expect(readFileSync(new URL(`../${file}`, import.meta.url), "utf8")).toBe(text);
});

describe("a call", () => {
  const over = kernelsOver<string>();
  const operands = { shape: "s", x: "x", panels: "p", out: "o" };

  test("takes its arguments by name, and the core has them in its order", () => {
    const call = over.ffConv({ out: "o", panels: "p", bias: null, x: "x", shape: "s" });
    expect(call.kernel).toBe("ff_conv");
    expect(placesOf(call)).toEqual(["s", "x", "p", "o"]);
    const order = ["s", "x", "p", "o"];
    expect(positions(addressed(call, (name: string) => 16 * (1 + order.indexOf(name))))).toEqual([16, 32, 48, 0, 64]);
  });

  test("gives a flag as 0 or 1, and lets numbers be", () => {
    const call = over.maxPoolBackward({ shape: "a", dy: "a", argmax: "a", accumulate: true, dx: "a" });
    expect(positions(addressed(call, () => 7))).toEqual([7, 7, 7, 1, 7]);
    const sums = over.columnSums({ x: "a", rows: 3, columns: 5, out: "a" });
    expect(positions(addressed(sums, () => 7))).toEqual([7, 3, 5, 7]);
  });

  test("that lacks an argument does not compile, and is refused", () => {
    // @ts-expect-error: no bias
    const call = over.ffConv(operands);
    expect(() => positions(addressed(call, () => 16))).toThrow("ff_conv was given no bias");
  });

  test("with an argument too many, or of another kind, does not compile", () => {
    // @ts-expect-error: no such argument
    over.ffConv({ ...operands, bias: null, scratch: "s" });
    // @ts-expect-error: a tensor that must be written
    over.ffConv({ ...operands, bias: null, out: null });
    // @ts-expect-error: a tensor that must be read
    over.ffConv({ ...operands, bias: null, x: null });
    // @ts-expect-error: a number where a place belongs
    over.ffConv({ ...operands, bias: 0 });
    // @ts-expect-error: a number where a flag belongs
    over.weightScale({ w: "w", k: 1, n: 1, whole: 0, out: "o" });
    expect(k.weightScale).toBe(over.weightScale);
  });
});

test("products say their operands and tile, blocks of a fixed size their elements", () => {
  expect(productOf("bb_popcnt64_conv_bits")).toEqual({ operands: "bb", tile: "4x2", channels: 64 });
  expect(productOf("quantize_forward")).toBeNull();
  expect(lengthsOf("adam_step").hyper).toBe(9);
  expect(CONV_SHAPE_BYTES).toBe(72);
});

test.each([-4, 20, 0.5, Number.POSITIVE_INFINITY, Number.NaN])("a place at byte %d of 16 is refused", (bytes) => {
  const place = { buffer: { bytes: 16, address: () => 64 }, lane: 0, offset: 0 };
  expect(at(at(place, 12), 4)).toEqual({ ...place, offset: 16 });
  expect(() => at(place, bytes)).toThrow(`a place at byte ${bytes} of a buffer of 16 bytes`);
});

describe("the reader of Rust", () => {
  const block = (text: string): string => `exports! {\n${text}}\n`;

  test("finds kinds, products and blocks of a fixed size", () => {
    const [found] = exportsOf(
      block(`    /// Adds
    /// up.
    product(fb, "2x16", 4)
    fn add_up(
        shape: *const ConvShape, mask: Maybe<*const u8>, wide_sums: Maybe<*mut f32>, hyper: *const [f32; 5],
        whole: Flag, count: usize, out: *mut f32,
    ) {
        false
    }
`),
    );
    expect(found).toEqual({
      name: "add_up",
      doc: "Adds up.",
      answers: false,
      feature: null,
      product: { operands: "fb", tile: "2x16", channels: 4 },
      parameters: [
        { name: "shape", kind: "read" },
        { name: "mask", kind: "maybe read" },
        { name: "wideSums", kind: "maybe write" },
        { name: "hyper", kind: "read" },
        { name: "whole", kind: "flag" },
        { name: "count", kind: "number" },
        { name: "out", kind: "write" },
      ],
      lengths: [["hyper", 5]],
    });
  });

  test("refuses an export without a comment, and a type that it does not know", () => {
    expect(() => exportsOf(block("    fn silent(x: *const f32) {\n    }\n"))).toThrow("is not understood");
    expect(() => exportsOf(block("    /// Doc.\n    fn odd(x: u64) {\n    }\n"))).toThrow("type u64");
  });

  const size = (body: string, signature = "fn size(&self)"): (() => string) => {
    const source = `    /// Doc.\n    pub ${signature} -> usize {\n        ${body}\n    }\n`;
    return () => sizesOf(source, "pub const STRIP: usize = 16;\npub const TABLE: usize = 4 * STRIP;")[0]?.body ?? "";
  };

  const maps = (lines: string): string =>
    `maps! {\n    /// A map.\n    Forward {\n${lines}    }\n    /// Samples.\n    12 Table of forward\n}\n`;

  test("finds maps with their numbers and parameters", () => {
    const lines =
      "        /// Two, of 3.\n        2 PieceWise {\n            /// First.\n            rho,\n            varrho,\n        },\n";
    expect(mapsOf(maps(`        0 One,\n${lines}        9 Line { t },\n`), "Forward")).toEqual([
      { name: "one", number: 0, parameters: [] },
      { name: "pieceWise", number: 2, parameters: ["rho", "varrho"] },
      { name: "line", number: 9, parameters: ["t"] },
      { name: "table", number: 12, parameters: [] },
    ]);
    expect(constantOf("/// Doc.\npub const HEADER: usize = 4;\n", "HEADER")).toEqual({ doc: "Doc.", value: 4 });
  });

  test("refuses maps of one number, and a list that it does not understand", () => {
    expect(() => mapsOf(maps("        0 One,\n        0 Two,\n"), "Forward")).toThrow("have one number");
    expect(() => mapsOf(maps("        12 One,\n"), "Forward")).toThrow("have one number");
    expect(() => mapsOf(maps("        0 One\n"), "Forward")).toThrow("is not understood");
    expect(() => mapsOf(maps(""), "Backward")).toThrow("no list of maps");
    expect(() => constantOf("pub const HEADER: usize = 4;", "HEADER")).toThrow("no constant HEADER");
  });

  test("keeps the order of operations, and rounds as whole numbers do", () => {
    expect(size("1 + self.width as usize / 2")()).toBe("  return 1 + Math.floor((shape.width) / (2));");
    expect(size("self.width as usize / (1 + 2) * 3")()).toBe("  return Math.floor((shape.width) / ((1 + 2))) * 3;");
    expect(size("let rows = a.div_ceil(b + 1); rows - b - 1 + TABLE", "fn size(a: usize, b: usize)")()).toBe(
      "  const rows = Math.ceil(a / (b + 1));\n  return rows - b - 1 + (4 * (16));",
    );
    expect(size("a.next_multiple_of(8).min(b).saturating_sub(a + b)", "fn size(a: usize, b: usize)")()).toBe(
      "  return Math.max(0, Math.min((Math.ceil(a / (8)) * (8)), (b)) - (a + b));",
    );
  });

  test("refuses what it does not know", () => {
    expect(size("self.width.pow(2)")).toThrow("method pow");
    expect(size("self.width << 2")).toThrow("is not understood");
    expect(size("self.width + LANES")).toThrow("no constant LANES");
    expect(size("for i in 0..3 {}; 1")).toThrow("is not understood");
    expect(() => fieldsOf("/// Doc.\npub struct Odd {\n    /// A.\n    pub a: u64,\n}\n", "Odd")).toThrow(
      "field of Odd",
    );
  });
});
