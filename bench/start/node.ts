/** Starts in Node: a process of its own for each, which runs the package as it is shipped. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Context } from "../frame/benchmark.ts";
import type { Start } from "./benchmark.ts";

const root = join(import.meta.dirname, "../..");

/** The package and the model are there before the clock runs; the core is not. */
const SCRIPT = `
  import { readFileSync } from "node:fs";
  const [entry, core, file, imageSize] = process.argv.slice(1);
  const { load } = await import(entry);
  const [bytes, image] = [new Uint8Array(readFileSync(file)), new Uint8Array(Number(imageSize))];
  const asked = performance.now();
  const source = readFileSync(core);
  const began = performance.now();
  const session = await load(bytes, { variant: "relaxed", source });
  const loaded = performance.now();
  session.run(image);
  console.log(JSON.stringify({ fetch: began - asked, load: loaded - began, run: performance.now() - loaded }));`;

/** The result is a function that starts once. */
export async function nodeStarts(
  context: Context,
  packed: Uint8Array,
  imageSize: number,
): Promise<() => Promise<Start>> {
  // As sources, Node would compile the compiler of types beside ours.
  execFileSync(join(root, "node_modules/.bin/tsx"), ["scripts/build-js.ts"], { cwd: root, stdio: "inherit" });
  const folder = mkdtempSync(join(tmpdir(), "proxbit-start-"));
  context.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "model.safetensors");
  writeFileSync(file, packed);
  const entry = pathToFileURL(join(root, "dist/inference/index.js")).href;
  const core = join(root, "dist/wasm/inference-relaxed/proxbit_wasm_bg.wasm");
  const flags = ["--input-type=module", "--eval", SCRIPT, entry, core, file, String(imageSize)];
  return async () => {
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    return JSON.parse(stdout);
  };
}
