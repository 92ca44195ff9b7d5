/** Files that NumPy wrote: arrays of every kind, data sets, and all that is damaged. */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { ProxbitError } from "../ts/base/errors.ts";
import { npz, parseNpy } from "../ts/data/index.ts";
import { rejected, thrown, withFolder } from "./io-helpers.ts";

/** Written by NumPy itself: `[[0, 1, 2], [3, 100, 7]]` in each kind, and archives. */
const written: Readonly<Record<string, string>> = JSON.parse(
  await readFile(new URL("./numpy-files.json", import.meta.url), "utf8"),
).files;
const file = (name: string): Uint8Array => Uint8Array.from(Buffer.from(written[name] ?? "", "base64"));

/** An npy file of a hand's writing. */
function npyFile(kind: string, shape: string, data: Uint8Array): Uint8Array {
  const header = Buffer.from(`{'descr': '${kind}', 'fortran_order': False, 'shape': ${shape}, }\n`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Uint8Array.from(Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), length, header, data]));
}

describe("npy", () => {
  it.each(["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"])("%s", (kind) => {
    const { shape, values } = parseNpy(file(kind), kind);
    expect(shape).toEqual([2, 3]);
    expect(Array.from(values as ArrayLike<number | bigint>, Number)).toEqual([0, 1, 2, 3, 100, 7]);
  });

  it("a Buffer within a pool is read as its bytes alone", () => {
    for (const kind of ["u1", "<f4"]) {
      const pool = Buffer.from([...new Uint8Array(24).fill(77), ...file(kind)]).subarray(24);
      expect(Array.from(parseNpy(pool, kind).values as ArrayLike<number>)).toEqual([0, 1, 2, 3, 100, 7]);
    }
  });

  it("truth values are bytes, and texts lose the zeros behind them", () => {
    expect(parseNpy(file("?"), "bools").values).toEqual(Uint8Array.of(0, 1, 1, 1, 1, 1));
    expect(parseNpy(file("<U3"), "texts").values).toEqual(["0", "1", "2", "3", "100", "7"]);
    expect(parseNpy(file("scalar"), "scalar")).toEqual({ shape: [], values: Float32Array.of(5) });
  });

  it.each([
    ["big", "has its numbers from the highest byte on"],
    ["fortran", "has its first axis run fastest"],
    ["complex", "holds numbers of the kind c8, which are not read"],
    ["objects", "has a header that names no plain array"],
  ])("refuses %s", (name, message) => {
    expect(thrown("data", () => parseNpy(file(name), "it")).message).toBe(`it ${message}`);
  });

  it("a long text is read, and texts without letters are refused however many there are", () => {
    const long = "ab".repeat(100_000);
    const letters = new Uint8Array(Uint32Array.from(long, (letter) => letter.charCodeAt(0)).buffer);
    expect(parseNpy(npyFile("<U200000", "(1,)", letters), "it").values).toEqual([long]);
    const many = npyFile("<U0", "(1099511627776,)", new Uint8Array());
    expect(thrown("data", () => parseNpy(many, "it")).message).toBe("it holds texts without letters");
  });

  it.each([
    ["9007199254740993,", "must hold"],
    ["0, 1e9", "has a header that names no plain array"],
    ["1, ".repeat(65), "has 65 axes"],
  ])("refuses the shape %s", (shape, message) => {
    const { message: given } = thrown("data", () => parseNpy(npyFile("|u1", `(${shape})`, new Uint8Array(1)), "it"));
    expect(given).toContain(message);
  });

  it("is refused at every length but its own", () => {
    const whole = file("<f4");
    for (let length = 0; length < whole.length; length++) {
      thrown("data", () => parseNpy(whole.subarray(0, length), "it"));
    }
    thrown("data", () => parseNpy(Uint8Array.of(...whole, 0), "it"));
  });
});

describe("npz", () => {
  it("reads images with their parts and the names of classes", () =>
    withFolder(async (folder) => {
      const path = join(folder, "pets.npz");
      await writeFile(path, file("images"));
      const { name, classes, train, test } = await npz(path);
      expect([name, classes]).toEqual(["pets", ["cat", "Hündin"]]);
      expect([train.shape, train.count, test.count]).toEqual([[2, 3, 1], 2, 1]);
      expect([...train.images]).toEqual(Array.from({ length: 12 }, (_, index) => index));
      expect([[...train.labels], [...test.labels]]).toEqual([[1, 0], [1]]);
    }));

  it("keeps a share for testing where there are no parts; real truth is what the network should answer", async () => {
    const { classes, train, test } = await npz(file("regression"));
    expect([classes, train.count, test.count, train.shape]).toEqual([[], 8, 2, [2]]);
    const pairs = [train, test].flatMap(({ images, targets, count }) =>
      Array.from({ length: count }, (_, index) => [images[2 * index], targets?.[index]]),
    );
    for (const [first = 0, target = 0] of pairs) expect(first).toBeCloseTo((2 * 4 * target) / 19, 6);
    expect(await npz(file("regression"))).toEqual(await npz(file("regression"), { seed: 0, test: 0.2 }));
    expect((await npz(file("regression"), { test: 0.5 })).test.count).toBe(5);
  });

  it("is refused at every length, and with any bit of an array changed", async () => {
    const whole = file("images");
    for (let length = 0; length < whole.length; length += 5) {
      await rejected("data", npz(whole.slice(0, length)));
    }
    const begin = Buffer.from(whole).indexOf("x_train.npy") + 60;
    for (let at = begin; at < begin + 40; at++) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ 4;
      await rejected("data", npz(changed));
    }
  });

  it.each([
    ["of the size of a number", "<u4", Uint32Array.of(0, 1, 4_294_967_294)],
    ["of many digits", "<i8", BigInt64Array.of(0n, 1n, 9_007_199_254_740_993n)],
  ])("is refused for a label %s, which would name as many classes", async (_name, kind, labels) => {
    const x = npyFile("|u1", "(3, 2)", new Uint8Array(6));
    const y = npyFile(kind, "(3,)", new Uint8Array(labels.buffer));
    const { message } = await rejected("data", npz(zipSync({ "x.npy": x, "y.npy": y })));
    expect(message).toMatch(/^the file has 3 examples, and a label is \d+, which is no class$/);
  });

  it("is refused where its truth is that of another number of examples", async () => {
    const x = npyFile("|u1", "(2, 2)", new Uint8Array(4));
    for (const [kind, shape, size] of [
      ["<f4", "(4,)", 16],
      ["<f4", "(1, 2)", 8],
      ["|u1", "(3,)", 3],
    ] as const) {
      const y = npyFile(kind, shape, new Uint8Array(size));
      const files = zipSync({ "x_train.npy": x, "y_train.npy": y, "x_test.npy": x, "y_test.npy": y });
      expect((await rejected("data", npz(files))).message).toMatch(
        /^the file has 2 inputs whose truth is of \d examples$/,
      );
    }
  });

  it.each([
    ["no axes", npyFile("|u1", "()", new Uint8Array(1))],
    ["texts", npyFile("<U1", "(2, 1)", new Uint8Array(8))],
    ["no numbers", npyFile("|u1", "(2, 0)", new Uint8Array(0))],
    ["nothing", npyFile("|u1", "(0, 1099511627776)", new Uint8Array(0))],
    ["five axes", npyFile("|u1", "(2, 1, 1, 1, 1, 1)", new Uint8Array(2))],
  ])("is refused for inputs of %s", async (_name, x) => {
    const y = npyFile("|u1", "(2,)", Uint8Array.of(0, 1));
    const files = zipSync({ "x_train.npy": x, "y_train.npy": y, "x_test.npy": x, "y_test.npy": y });
    const error: unknown = await npz(files).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ProxbitError);
  });

  it("a pipe in the place of a file is refused at once", () =>
    withFolder(async (folder) => {
      const path = join(folder, "data.npz");
      execFileSync("mkfifo", [path]);
      expect((await rejected("data", npz(path))).message).toContain("it is a pipe, a socket or a device");
    }));

  it("is refused where it would grow without a bound, or lacks an array", async () => {
    const zeros = zipSync({ "x.npy": new Uint8Array(1 << 16) });
    const claim = zeros.slice();
    const entry = Buffer.from(claim).indexOf(Buffer.from("PK\x01\x02", "latin1"));
    new DataView(claim.buffer).setUint32(entry + 24, 0xffffffff - 1, true);
    expect((await rejected("data", npz(claim))).message).toMatch(/no sound zip archive/);
    // Below the bound, so that a gigabyte would be reserved for some eighty bytes.
    new DataView(claim.buffer).setUint32(entry + 24, 1e9, true);
    expect((await rejected("data", npz(claim))).message).toContain("x.npy is larger than its packed bytes can hold");
    expect((await rejected("data", npz(zipSync({ "a.npy": file("<f4") })))).message).toBe(
      "the file has no array y or labels or target; it has a",
    );
    await rejected("argument", npz(file("images"), { shuffle: 1 } as never));
    await rejected("data", npz("/no/such.npz"));
  });
});
