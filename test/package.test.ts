/** The built package as it is shipped: entries of one file, the worker as an entry, and types that need nobody else's. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it, test } from "vitest";
import { deltaOf } from "../scripts/delta.ts";
import { coreSizes, firstRun, scriptSizes } from "../scripts/size.ts";
import { groupBy } from "../ts/base/group.ts";
import { patched } from "../ts/runtime/packed-files.ts";
import { variants } from "../ts/runtime/variants.ts";
import fc from "./fast-check.ts";
import { withFolder } from "./io-helpers.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

beforeAll(() => {
  expect(existsSync(join(dist, "inline.js")), "dist is missing: run npm run build").toBe(true);
});

/** Runs a module in `folder`, and returns the JSON that it prints. */
async function run(folder: string, source: string): Promise<unknown> {
  writeFileSync(join(folder, "main.mjs"), source);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["main.mjs"], { cwd: folder });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

const WORK = `
  const graph = sequential({ inputShape: [6] }, [layers.dense({ units: 3 }), layers.batchNorm()]);
  const image = Float32Array.of(1, -2, 3, -4, 5, -6);
  const results = [];
  for (const variant of ${JSON.stringify(variants)}) {
    const trainer = await Trainer.create(graph, { workers: 2, seed: 1, variant, ...more });
    const packed = await trainer.pack();
    trainer.close();
    const session = variant.endsWith("-shared")
      ? await loadParallel(packed, { workers: 2, variant, ...more })
      : await load(packed, { variant });
    results.push([...packed, ...(await session.run(image))]);
    session.close?.();
  }
  console.log(JSON.stringify(results));`;

describe("the entries", () => {
  it("of one file and of many agree in all variants, and so does a worker of one's own", () =>
    withFolder(async (folder) => {
      cpSync(join(dist, "inline.js"), join(folder, "inline.mjs"));
      const names = "import { layers, load, loadParallel, sequential, Trainer } from";
      const inline = await run(folder, `${names} "./inline.mjs"; const more = {}; ${WORK}`);
      const address = (entry: string): string => JSON.stringify(join(dist, entry));
      writeFileSync(join(folder, "worker.mjs"), `import ${address("runtime/worker.js")};`);
      const many = await run(
        folder,
        `import { layers, sequential, Trainer } from ${address("index.js")};
        import { load, loadParallel } from ${address("inference/index.js")};
        const more = { worker: new URL("worker.mjs", import.meta.url) }; ${WORK}`,
      );
      expect(inline).toEqual(many);
      const results = many as readonly unknown[];
      expect(results).toHaveLength(4);
      expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    }));

  test.each([
    ["inline.js", 370_400],
    ["inference/inline.js", 172_800],
  ])("%s is within its budget, gzipped, and imports nothing", (entry, budget) => {
    const text = readFileSync(join(dist, entry), "utf8");
    expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(budget);
    expect(text).not.toMatch(/\bimport\s*(?:[("']|[\w{}*, ]+from)/);
  });

  it("make scripts within their budgets, and so is a first run", async () => {
    const scripts = await scriptSizes();
    expect(scripts).toHaveLength(3);
    const tooLarge = [...scripts, firstRun(coreSizes(), scripts)].filter(({ bytes, budget }) => bytes > budget);
    expect(tooLarge, "a download is above its budget; `npm run size` shows all").toEqual([]);
  });

  it("export files that are there, the worker as one with effects, and types that stand alone", () => {
    const { exports, sideEffects } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const files = Object.values(exports as Record<string, string | Record<string, string>>).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    expect(files.filter((file) => !existsSync(join(root, file.replace("*", "inference-plain"))))).toEqual([]);
    expect(sideEffects).toContain(exports["./worker"].default);
    const typed = files.filter((file) => file.endsWith(".d.ts"));
    expect(typed.length).toBeGreaterThan(5);
    const alone = /^\/\/\/ <reference path="[./]+\/platform\.d\.ts" \/>/;
    expect(typed.filter((file) => !alone.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
  });
});

/** The modules that `file` leads to, now or later: files of ours by their path, others by their names. */
function* modulesBehind(file: string, seen = new Set<string>()): Generator<string> {
  if (seen.has(file)) return;
  seen.add(file);
  const named = /(?:\bfrom|\bimport\s*\(|\bimport)\s*["']([^"'\s]+)["']/g;
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(named)) {
    if (name.startsWith(".")) yield* modulesBehind(join(file, "..", name), seen);
    else yield name;
  }
}

it("raw modules of a page, of workers and of inference name no module that is not there", () => {
  const outside = (entry: string): readonly string[] => [...new Set(modulesBehind(join(dist, entry)))].sort();
  expect(outside("inference/index.js")).toEqual([]);
  expect(outside("runtime/worker.js")).toEqual([]);
  const onPages = ["fast-png", "fflate", "jpeg-js", "comlink", "fastest-levenshtein", "wasm-feature-detect"];
  expect(onPages.flatMap((name) => outside(`vendor/${name}.js`))).toEqual([]);
});

it("types resolve without those of pages, of Node and of tfjs", () =>
  withFolder(async (folder) => {
    const home = join(folder, "node_modules/proxbit");
    cpSync(dist, join(home, "dist"), { recursive: true, filter: (file) => !/\.(js|wasm)$/.test(file) });
    cpSync(join(root, "package.json"), join(home, "package.json"));
    const entries = [
      "",
      "/inference",
      "/data",
      "/reference",
      "/inline",
      "/inference/inline",
      "/worker",
      "/wasm/plain.wasm",
    ];
    writeFileSync(
      join(folder, "main.ts"),
      entries.map((entry, i) => `export * as entry${i} from "proxbit${entry}";\n`).join(""),
    );
    const compilerOptions = { target: "es2022", lib: ["es2022"], types: [], strict: true, noEmit: true };
    for (const module of ["nodenext", "bundler"]) {
      const resolution = module === "bundler" ? { module: "esnext", moduleResolution: module } : { module };
      const config = { compilerOptions: { ...compilerOptions, ...resolution }, files: ["main.ts"] };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      const tsc = join(root, "node_modules/.bin/tsc");
      const { stdout } = await promisify(execFile)(tsc, ["--project", folder]).catch((error) => error);
      expect(stdout).toBe("");
    }
  }));

it("a difference and its base make the target", () => {
  // Few letters, so that runs repeat.
  const bytes = fc.array(fc.array(fc.constantFrom(0, 1), { minLength: 20, maxLength: 20 }), { maxLength: 12 });
  const check = fc.property(bytes, bytes, fc.array(fc.nat(255)), (one, other, fresh) => {
    const base = Uint8Array.from(one.flat());
    const target = Uint8Array.from([...other.flat(), ...fresh, ...one.flat()]);
    expect(patched(base, deltaOf(base, target))).toEqual(target);
  });
  fc.assert(check);
  const long = Uint8Array.from({ length: 40_000 }, (_, i) => (i * i) >> 3);
  expect(deltaOf(long, long).length).toBeLessThan(1000);
  expect(patched(long, deltaOf(long, long))).toEqual(long);
});

it("groups keep the order in which keys and values come", () => {
  expect([...groupBy([3, 1, 4, 1, 5, 9], (value) => value % 2 === 0)]).toEqual([
    [false, [3, 1, 1, 5, 9]],
    [true, [4]],
  ]);
});
