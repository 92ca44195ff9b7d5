/**
 * `npm run size` prints what a page downloads, and fails where it is above its budget. The scripts of the built package are
 * bundled and made small by vite as users do it. All bytes are those of gzip at its highest level.
 */
import { existsSync, readFileSync } from "node:fs";
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

const BUDGET = {
  core: 163_800,
  inferenceCore: 66_750,
  smallCore: 28_320,
  load: 38_280,
  inference: 41_440,
  worker: 4_260,
  firstRun: 66_280,
} as const;

/** The builds of the core, as they are shipped. */
export function coreSizes(): readonly Size[] {
  return coreNames.map((name) => {
    const file = readFileSync(new URL(`../ts/wasm/${name}/proxbit_wasm_bg.wasm`, import.meta.url));
    const budget =
      BUDGET[name.startsWith("small-") ? "smallCore" : name.startsWith("inference-") ? "inferenceCore" : "core"];
    return { name: `core ${name}`, bytes: compressed(withoutCustomSections(file)), budget };
  });
}

const entry = fileURLToPath(new URL("../dist/inference/index.js", import.meta.url));

/** The scripts of a page that keeps these names of `proxbit/inference`. */
async function scriptsOf(names: string): Promise<Rolldown.RolldownOutput["output"]> {
  if (!existsSync(entry)) throw new Error("dist is missing: run npm run build first");
  const page = "proxbit-page.js";
  const { output } = (await build({
    configFile: false,
    logLevel: "error",
    worker: { format: "es" },
    plugins: [
      {
        name: "proxbit-page",
        resolveId: (id) => (id === page ? id : null),
        load: (id) =>
          id === page ? `import ${names} from ${JSON.stringify(entry)};\nglobalThis.taken = taken;` : null,
      },
    ],
    build: {
      write: false,
      minify: true,
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: { input: page },
    },
  })) as Rolldown.RolldownOutput;
  return output;
}

/** The bytes that a page loads at its start. What an entry imports later is loaded by whoever needs it. */
function bytesAtStart(output: Rolldown.RolldownOutput["output"]): number {
  const chunks = new Map(output.flatMap((part) => (part.type === "chunk" ? [[part.fileName, part]] : [])));
  const wanted = new Set([...chunks.values()].filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of wanted) for (const other of chunks.get(name)?.imports ?? []) wanted.add(other);
  return [...wanted].reduce((sum, name) => sum + compressed(chunks.get(name)?.code ?? ""), 0);
}

/** The scripts that a page loads which runs models, all of `proxbit/inference`, and the script of its workers. */
export async function scriptSizes(): Promise<readonly Size[]> {
  const [load, all] = [await scriptsOf("{ load as taken }"), await scriptsOf("* as taken")];
  const workers = all.flatMap((part) => (part.type === "asset" && part.fileName.endsWith(".js") ? [part.source] : []));
  return [
    { name: "script of a page that calls load", bytes: bytesAtStart(load), budget: BUDGET.load },
    { name: "script of all of proxbit/inference", bytes: bytesAtStart(all), budget: BUDGET.inference },
    ...workers.map((source) => ({ name: "script of its workers", bytes: compressed(source), budget: BUDGET.worker })),
  ];
}

/** A first run of a model: the script with `load`, and the larger of the cores that it may take. Threads take others. */
export function firstRun(cores: readonly Size[], scripts: readonly Size[]): Size {
  const small = cores.filter(({ name }) => name.startsWith("core small-"));
  const bytes = Math.max(...small.map((core) => core.bytes)) + (scripts[0]?.bytes ?? Number.NaN);
  return { name: "a first run: load and a core", bytes, budget: BUDGET.firstRun };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [cores, scripts] = [coreSizes(), await scriptSizes()];
  const sizes = [...cores, ...scripts, firstRun(cores, scripts)];
  const rows = sizes.map((size) => [size.name, bytes(size.bytes), bytes(size.budget)]);
  const columns = ["gzipped", "bytes", "budget"].map((title) => ({ title }));
  process.stdout.write(`${formatTable(columns, rows)}\n`);
  if (sizes.some((size) => size.bytes > size.budget)) process.exitCode = 1;
}
