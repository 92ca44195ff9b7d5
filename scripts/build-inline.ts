/**
 * Makes the entries that are one file: everything that a compiled entry imports, all builds of the core, and the script of
 * workers.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin, type Rolldown } from "vite";
import { type Variant, variants } from "../ts/runtime/variants.ts";
import { deltaOf } from "./delta.ts";

/** An entry below dist/, by its path without its end, and the words before the names of the builds it takes. */
const entries: readonly (readonly [entry: string, cores: string])[] = [
  ["inline", ""],
  ["inference/inline", "inference-"],
];

/** Writes `dist/inline.js` and its like over what the compiler made of their sources. */
export async function buildInline(dist: string): Promise<void> {
  const worker = await bundle(join(dist, "runtime/worker.js"), "iife", []);
  for (const [entry, cores] of entries) {
    const file = join(dist, `${entry}.js`);
    writeFileSync(file, await bundle(file, "es", [inside(dist, cores, worker)]));
  }
}

/** Modules with the files inside, in place of those that have their addresses. */
function inside(dist: string, cores: string, worker: string): Plugin {
  const core = (variant: Variant): Uint8Array =>
    new Uint8Array(readFileSync(join(dist, "wasm", cores + variant, "proxbit_wasm_bg.wasm")));
  const packed = variants.map((variant) => {
    const content = variant === "plain" ? core(variant) : deltaOf(core("plain"), core(variant));
    return [variant, gzipSync(content, { level: 9 }).toString("base64")];
  });
  const helpers = JSON.stringify(join(dist, "runtime/packed-files.js"));
  const modules: Readonly<Record<string, string>> = {
    "runtime/full-cores.js": 'export { cores as fullCores } from "proxbit-cores";',
    "runtime/inference-cores.js": 'export { cores as inferenceCores, cores as smallCores } from "proxbit-cores";',
    "runtime/worker-script.js": `
      import { addressOfScript } from ${helpers};
      const text = ${JSON.stringify(worker)};
      export const scriptAddress = () => addressOfScript(text);
      export const startPageWorker = () => new Worker(scriptAddress());
      export const startNodeWorker = ({ Worker }, options) => new Worker(text, { ...options, eval: true });`,
    "proxbit-cores": `
      import { unpackCore } from ${helpers};
      const packed = ${JSON.stringify(Object.fromEntries(packed))};
      export const cores = (variant) => unpackCore(packed, variant);`,
  };
  return {
    name: "proxbit-inside",
    enforce: "pre",
    resolveId: (id) => (id in modules ? id : undefined),
    load: (id) => modules[id] ?? modules[relative(dist, id)],
  };
}

/**
 * Our modules that are imported later stand in the same file anyway. As imports of the usual kind they need no wrappers around
 * themselves and all that they import.
 */
const atOnce: Plugin = {
  name: "proxbit-at-once",
  transform: (code) => {
    const names: string[] = [];
    const rewritten = code.replaceAll(/\bawait import\("(\.[^"]+)"\)/g, (_, path: string) => `at${names.push(path)}`);
    if (names.length === 0) return null;
    const imports = names.map((path, i) => `import * as at${i + 1} from ${JSON.stringify(path)};`);
    return { code: `${imports.join("\n")}\n${rewritten}`, map: null };
  },
};

async function bundle(file: string, format: "es" | "iife", plugins: Plugin[]): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    plugins: [...plugins, atOnce],
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      target: "es2022",
      rolldownOptions: { input: file, preserveEntrySignatures: "strict", output: { format, codeSplitting: false } },
    },
  });
  const chunks = (result as Rolldown.RolldownOutput).output;
  const [chunk] = chunks;
  // A module that is imported later stands in the same file.
  const outside = [...chunk.imports, ...chunk.dynamicImports].filter((name) => name !== chunk.fileName);
  if (chunks.length !== 1 || outside.length > 0) {
    const parts = chunks.map(({ fileName }) => fileName).join(", ");
    throw new Error(`${file} does not fit into one file, but makes ${parts} and imports ${outside.join(", ")}`);
  }
  return chunk.code;
}
