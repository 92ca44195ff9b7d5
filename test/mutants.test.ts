/** The sample of mutants. A seed draws it, changes elsewhere leave it alone, and each mutant changes one place. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { draw, identify, type Mutant, mutated, type Place } from "../scripts/mutants/mutant.ts";
import { OUTSIDE, roomOf, rooms, testsOf } from "../scripts/mutants/rooms.ts";

const places = (content: string, room: string): Place[] =>
  [...content.matchAll(/\+/g)].map(({ index }) => ({
    ...{ room, file: `${room}/sum.ts`, kind: "ArithmeticOperator", replacement: "-" },
    ...{ start: index, end: index + 1, text: "-" },
  }));

const sums = Array.from({ length: 40 }, (_, index) => `y${index} = a + b + ${index};\n`).join("");
const of = (content: string, room = "ts/nn"): Mutant[] => identify(places(content, room), content);
const keys = (mutants: readonly Mutant[]): string[] => mutants.map(({ key }) => key);

describe("a mutant's key", () => {
  it("is its own, even where a line is there twice", () => {
    expect(new Set(keys(of(sums + sums))).size).toBe(160);
  });

  it("outlives lines that come before it", () => {
    expect(keys(of(`// New.\n\n${sums}`))).toEqual(keys(of(sums)));
    expect(of(`// New.\n\n${sums}`)[0]?.line).toBe(3);
  });

  it("changes with its line", () => {
    expect(keys(of("y = a + c;"))).not.toEqual(keys(of("y = a + b;")));
  });
});

it("a mutant changes its place alone", () => {
  expect(of("y = a + b + c;").map((mutant) => mutated(mutant, "y = a + b + c;"))).toEqual([
    "y = a - b + c;",
    "y = a + b - c;",
  ]);
});

describe("a sample", () => {
  const all = [...of(sums), ...of(sums + sums, "ts/train"), ...of("y = a + b + c + d + e + f;", "ts/theory")];
  const sizes = (drawn: readonly Mutant[]) =>
    Object.fromEntries([...Map.groupBy(drawn, ({ room }) => room)].map(([room, { length }]) => [room, length]));

  it("takes of every room in proportion, and at least four", () => {
    expect(sizes(draw(all, 1, 49))).toEqual({ "ts/nn": 16, "ts/train": 32, "ts/theory": 4 });
  });

  it("follows from its seed", () => {
    expect(keys(draw(all, 1, 49))).toEqual(keys(draw(all.toReversed(), 1, 49)));
    expect(keys(draw(all, 2, 49))).not.toEqual(keys(draw(all, 1, 49)));
  });

  it("grows into a larger one", () => {
    expect(keys(draw(all, 1, 100))).toEqual(expect.arrayContaining(keys(draw(all, 1, 49))));
  });
});

describe("rooms", () => {
  it.each([
    ["ts/nn/models/index.ts", "ts/nn"],
    ["ts/table.ts", "ts/*"],
    ["crates/wasm/src/real/norm.rs", "crates/wasm"],
    ["crates/kernels/src/simd/bytes/wasm.rs", "crates/wasm"],
    ["crates/kernels/src/simd/bytes/portable.rs", "kernels/simd"],
    ["crates/kernels/src/pool_bits.rs", "kernels/bits"],
    ["crates/kernels/src/conv/binary/epilogue/bits.rs", "kernels/conv"],
    ["crates/kernels/src/loss.rs", "kernels/*"],
  ])("%s belongs to %s", (file, room) => expect(roomOf(file)).toBe(room));

  const folders = readdirSync(join(import.meta.dirname, "../ts"), { withFileTypes: true });
  const inTree = folders.flatMap((entry) => (entry.isDirectory() && entry.name !== "wasm" ? [entry.name] : []));

  it.each(inTree)("ts/%s has tests, and all of them exist", (room) => {
    const tests = testsOf(`ts/${room}/index.ts`);
    expect(tests).not.toEqual([]);
    expect(tests.filter((test) => !existsSync(join(import.meta.dirname, "..", test)))).toEqual([]);
  });

  it("every test file judges a room, or is named as one that judges none", () => {
    const judges = new Set(rooms.ts.flatMap((room) => testsOf(room === "ts/*" ? "ts/index.ts" : `${room}/index.ts`)));
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
    const names = files.flatMap((file) => (file.endsWith(".test.ts") ? [file.slice(0, -".test.ts".length)] : []));
    const idle = names.filter((name) => !judges.has(`test/${name}.test.ts`));
    expect(idle.filter((name) => !OUTSIDE.some((known) => known.test(name)))).toEqual([]);
  });

  it("tests with a file's name come first", () => {
    expect(testsOf("ts/io/safetensors.ts")[0]).toBe("test/io-safetensors.test.ts");
  });
});
