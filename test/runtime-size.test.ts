/** The size of a page's download: every core stays within its budget, and an inference core trains nothing. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { camelCase, exportsOf } from "../scripts/rust.ts";
import { coreSizes } from "../scripts/size.ts";
import { withoutCustomSections } from "../scripts/wasm-sections.ts";
import { variants } from "../ts/runtime/variants.ts";

const root = join(import.meta.dirname, "..");
const coreFile = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(join(root, `ts/wasm/${name}/proxbit_wasm_bg.wasm`)));

test("the cores are within their budgets", () => {
  const tooLarge = coreSizes().filter(({ bytes, budget }) => bytes > budget);
  expect(tooLarge, "a core is above its budget; `npm run size` shows all").toEqual([]);
});

/** The kernels that the sources of inference call, and those that Rust leaves to inference. */
test("a core for inference has the kernels that inference calls, and no more", () => {
  const files = globSync("crates/wasm/src/**/*.rs", { cwd: root });
  const kernels = files.flatMap((file) => exportsOf(readFileSync(join(root, file), "utf8")));
  const shared = kernels.filter(({ feature }) => feature !== "training").map(({ name }) => name);
  const first = kernels.filter(({ feature }) => feature === null).map(({ name }) => name);
  const sources = globSync("ts/{inference,runtime}/**/*.ts", { cwd: root });
  const text = sources.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  const called = new Set([...text.matchAll(/\bk\.(\w+)/g)].map(([, name]) => name));
  expect(shared.filter((name) => !called.has(camelCase(name)))).toEqual([]);
  expect(kernels.filter(({ name }) => called.has(camelCase(name)) && !shared.includes(name))).toEqual([]);
  const exported = (core: string): readonly string[] =>
    WebAssembly.Module.exports(new WebAssembly.Module(coreFile(core)))
      .filter(({ kind, name }) => kind === "function" && !name.startsWith("__"))
      .map(({ name }) => name)
      .sort();
  for (const variant of variants) expect(exported(`inference-${variant}`)).toEqual(shared.toSorted());
  for (const core of ["small-plain", "small-relaxed"]) expect(exported(core)).toEqual(first.toSorted());
});

test("a shipped core is the built one without its names", () => {
  const built = coreFile("plain");
  const shipped = withoutCustomSections(built);
  const module = new WebAssembly.Module(shipped as Uint8Array<ArrayBuffer>);
  expect(WebAssembly.Module.customSections(module, "name")).toEqual([]);
  expect(shipped.length).toBeLessThan(built.length);
  expect(WebAssembly.Module.exports(module)).toEqual(WebAssembly.Module.exports(new WebAssembly.Module(built)));
  expect(withoutCustomSections(shipped)).toEqual(shipped);
});
