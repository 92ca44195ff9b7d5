/**
 * Compiles ts/ to dist/. The compiler rewrites `.ts` in imports, and leaves three things for this script: worker URLs
 * (`new URL("./worker.ts", import.meta.url)`), the packages that come along (vendor.ts), and the wasm files. Those keep
 * their place beside the runtime.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { variants } from "../ts/runtime/variants.ts";
import { vendor } from "./vendor.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const workerUrl = /(new URL\(\s*(?:\/\*[^*]*\*\/\s*)?"\.{1,2}\/[^"]*)\.ts("\s*,\s*import\.meta\.url)/g;

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, "node_modules/.bin/tsc"), ["--project", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});

for (const name of globSync("**/*.js", { cwd: dist })) {
  const file = join(dist, name);
  const source = readFileSync(file, "utf8");
  const rewritten = source.replaceAll(workerUrl, "$1.js$2");
  if (rewritten !== source) writeFileSync(file, rewritten);
}

await vendor(root, dist);

for (const variant of variants) {
  const file = join("wasm", variant, "proxbit_wasm_bg.wasm");
  if (!existsSync(join(root, "ts", file))) throw new Error(`ts/${file} is missing: run scripts/build-wasm first`);
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  copyFileSync(join(root, "ts", file), join(dist, file));
}

const commandLine = join(dist, "cli/main.js");
if (existsSync(commandLine)) chmodSync(commandLine, 0o755);
