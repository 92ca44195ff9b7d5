/** Every build of the kernels in Node: all that is exported does what its definition says, and all builds agree. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelNames } from "../../ts/program/call.ts";
import type { KernelExports, Positional } from "../../ts/program/exports.ts";
import { instantiate } from "../../ts/runtime/instantiate.ts";
import { loadModule } from "../../ts/runtime/load.ts";
import { variants } from "../../ts/runtime/variants.ts";
import { createBench } from "./bench.ts";
import { simdInstructions } from "./opcodes.ts";
import type { PropertyResult } from "./property.ts";
import { runKernelSuite } from "./suite.ts";
import { sumProperties } from "./sums.ts";

/** `i8x16.relaxed_swizzle`, the one relaxed instruction whose result is fixed: its indices are below 16 here. */
const relaxedSwizzle = 256;

const wasm = (variant: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../ts/wasm/${variant}/proxbit_wasm_bg.wasm`, import.meta.url)));

const results = new Map<string, readonly PropertyResult[]>();

describe.each(variants)("kernels, %s", (variant) => {
  it("exports every kernel that the runtime knows", async () => {
    const { exports } = instantiate(await loadModule(variant));
    expect(kernelNames.filter((name) => typeof exports[name] !== "function")).toEqual([]);
  });

  it("holds no relaxed instruction but the exact one", () => {
    const found = simdInstructions(wasm(variant));
    const relaxed = [...found.keys()].filter((code) => code >= 256);
    expect(relaxed).toEqual(variant.startsWith("relaxed") ? [relaxedSwizzle] : []);
    expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1000);
  });

  it("does what the definitions say", async () => {
    const found = await runKernelSuite(variant);
    results.set(variant, found);
    expect(found.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`))).toEqual([]);
    for (const { name, cases } of found) expect(cases, name).toBeGreaterThan(9);
    expect(found.flatMap(({ kernels }) => kernels)).toEqual(expect.arrayContaining([...kernelNames]));
  });
});

it("all builds give the same bits", () => {
  const digests = (variant: string): unknown => results.get(variant)?.map(({ name, digest }) => [name, digest]);
  expect(results.get("plain")?.length).toBeGreaterThan(20);
  for (const variant of variants.slice(1)) expect(digests(variant), variant).toEqual(digests("plain"));
});

type Faulty = Readonly<Record<"add" | "add_into" | "copy", Positional>>;

describe("the suite itself", () => {
  const { exports, memory } = instantiate(new WebAssembly.Module(wasm("plain")));
  const { add, add_into: addInto, copy } = exports as unknown as Faulty;
  const faults: readonly (readonly [fault: string, broken: Partial<Faulty>, complaint: string])[] = [
    ["writes too far", { add: (a = 0, b = 0, y = 0, n = 0) => add(a, b, y, n + 1) }, "add wrote past the end"],
    ["writes too little", { add: (a = 0, b = 0, y = 0, n = 0) => add(a, b, y, n - 1) }, "a + b["],
    ["changes an input", { add_into: (y = 0, x = 0, n = 0) => addInto(x, y, n) }, "add_into changed its input"],
    ["reads at the wrong place", { copy: (from = 0, to = 0, n = 0) => copy(from + 1, to, n) }, "copy["],
    ["reports what is fine", { copy: (...args: number[]) => copy(...args) + 1 }, "copy: status 1, not 0"],
  ];

  it.each(faults)("finds a kernel that %s", (_, broken, complaint) => {
    const sound = sumProperties.find(({ name }) => name === "add and copy");
    expect(sound?.run(createBench({ exports, memory })).failures).toEqual([]);
    const failures = sound?.run(createBench({ exports: { ...exports, ...broken } as KernelExports, memory })).failures;
    expect(failures?.join()).toContain(complaint);
  });
});
