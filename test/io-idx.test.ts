/** Files of idx, and what gzip packed: read as they are, or refused before anything is allocated for them. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gunzip } from "../ts/data/gzip.ts";
import { parseIdx } from "../ts/data/idx.ts";
import fc from "./fast-check.ts";
import { idx } from "./idx-files.ts";
import { rejected, thrown } from "./io-helpers.ts";

describe("idx", () => {
  const good = idx([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
  const refuse = (bytes: Uint8Array, rank = 2) => thrown("data", () => parseIdx(bytes, rank, "the file")).message;
  const changed = (at: number, to: number) => good.map((byte, index) => (index === at ? to : byte));

  it("reads dimensions and elements, without copying", () => {
    const { dimensions, data } = parseIdx(good, 2, "the file");
    expect(dimensions).toEqual([2, 3]);
    expect(data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(data.buffer).toBe(good.buffer);
  });

  it("refuses a file without a whole magic number", () =>
    expect(refuse(good.subarray(0, 3))).toContain("only 3 bytes"));
  it("refuses another magic number", () => expect(refuse(changed(1, 1))).toContain("not an idx file"));
  it("refuses elements that are no bytes", () => expect(refuse(changed(2, 0x0d))).toContain("type 13"));
  it("refuses another rank", () => expect(refuse(good, 3)).toContain("2 dimensions, not 3"));
  it("refuses an end within the dimensions", () =>
    expect(refuse(good.subarray(0, 11))).toContain("within its dimensions"));
  it("refuses one byte too few", () =>
    expect(refuse(good.subarray(0, 17))).toContain("must hold 6 elements but holds 5"));
  it("refuses one byte too many", () => expect(refuse(Uint8Array.of(...good, 0))).toContain("holds 7"));

  it("refuses dimensions of 2^64 elements, without allocating them", () => {
    expect(refuse(good.map((byte, index) => (index >= 4 && index < 12 ? 255 : byte)))).toContain(
      "4294967295 x 4294967295",
    );
  });

  it("reads back any bytes in any shape, and throws only typed errors for any change", () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(5), fc.nat(30), fc.nat(255), (rows, columns, at, to) => {
        const data = Uint8Array.from({ length: rows * columns }, (_, index) => index);
        const bytes = idx([rows, columns], data);
        expect(parseIdx(bytes, 2, "it")).toEqual({ dimensions: [rows, columns], data });
        fc.pre(at < 12 && bytes[at] !== to);
        bytes[at] = to;
        // 0 x n and n x 0 stay files without elements; every other change of the header must show.
        if (rows * columns > 0 || at < 4) thrown("data", () => parseIdx(bytes, 2, "it"));
      }),
    );
  });
});

describe("gunzip", () => {
  const content = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
  const packed = new Uint8Array(gzipSync(content));

  it("unpacks what gzip packed, up to the cap", async () => {
    expect(await gunzip(packed, content.length, "it")).toEqual(content);
  });

  it("refuses content larger than the cap", async () => {
    const error = await rejected("data", gunzip(new Uint8Array(gzipSync(new Uint8Array(10_000_000))), 9_999_999, "it"));
    expect(error.message).toBe("it holds more than 9999999 bytes");
  });

  it.each([3, 12, packed.length >> 1, packed.length - 1])("refuses a file cut after %i bytes", async (length) => {
    expect((await rejected("data", gunzip(packed.slice(0, length), 1e6, "it"))).message).toContain(
      "not a sound gzip file",
    );
  });

  it("refuses a file with a wrong checksum", async () => {
    const damaged = packed.slice();
    const at = damaged.length - 6;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await rejected("data", gunzip(damaged, 1e6, "it"));
  });
});
