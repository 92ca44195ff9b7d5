/**
 * `npm run size` prints what a page downloads, and fails where it is above its budget. Scripts are bundled and made small
 * by vite as users do it. All bytes are those of gzip at its highest level.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { coreNames } from "../ts/runtime/variants.ts";
import { bytes, formatTable } from "../ts/show/table.ts";
import { withoutCustomSections } from "./wasm-sections.ts";

/** A download, its compressed bytes, and the most that it may have. */
export interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly budget: number;
}

const compressed = (content: string | Uint8Array): number => gzipSync(content, { level: 9 }).length;

const BUDGET = { core: 130_000, inferenceCore: 66_000, inference: 52_000, worker: 5_000 } as const;

/** The builds of the core, as they are shipped. */
export function coreSizes(): readonly Size[] {
  return coreNames.map((name) => {
    const file = readFileSync(new URL(`../ts/wasm/${name}/proxbit_wasm_bg.wasm`, import.meta.url));
    const budget = name.startsWith("inference-") ? BUDGET.inferenceCore : BUDGET.core;
    return { name: `core ${name}`, bytes: compressed(withoutCustomSections(file)), budget };
  });
}

/** The scripts of `proxbit/inference` and of its workers. */
export async function scriptSizes(): Promise<readonly Size[]> {
  const input = fileURLToPath(new URL("../ts/inference/index.ts", import.meta.url));
  const { output } = (await build({
    configFile: false,
    logLevel: "error",
    worker: { format: "es" },
    build: {
      write: false,
      minify: true,
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: { input, preserveEntrySignatures: "strict" },
    },
  })) as Rolldown.RolldownOutput;
  // The decoders of images are scripts of their own, which a page loads when it has an image to decode.
  const scripts = output.filter((script) =>
    script.type === "chunk" ? script.isEntry : script.fileName.endsWith(".js"),
  );
  return scripts.map((script) => {
    const isWorker = script.type === "asset";
    return {
      name: isWorker ? "script of its workers" : "script of proxbit/inference",
      bytes: compressed(script.type === "asset" ? script.source : script.code),
      budget: isWorker ? BUDGET.worker : BUDGET.inference,
    };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = [...coreSizes(), ...(await scriptSizes())];
  const rows = sizes.map((size) => [size.name, bytes(size.bytes), bytes(size.budget)]);
  const columns = ["gzipped", "bytes", "budget"].map((title) => ({ title }));
  process.stdout.write(`${formatTable(columns, rows)}\n`);
  if (sizes.some((size) => size.bytes > size.budget)) process.exitCode = 1;
}
