/**
 * Compiles ts/ to dist/. The compiler rewrites `.ts` in imports, and leaves three things for this script: worker URLs
 * (`new URL("./worker.ts", import.meta.url)`), the packages that come along (vendor.ts), and the wasm files. Those keep
 * their place beside the runtime.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { coreNames } from "../ts/runtime/variants.ts";
import { buildInline } from "./build-inline.ts";
import { bundleEntries } from "./bundle-entries.ts";
import { minifyScripts } from "./minify.ts";
import { vendor } from "./vendor.ts";
import { withoutCustomSections } from "./wasm-sections.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const workerUrl = /(new URL\(\s*(?:\/\*[^*]*\*\/\s*)*"\.{1,2}\/[^"]*)\.ts("\s*,\s*import\.meta\.url)/g;

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

for (const name of coreNames) {
  const file = join("wasm", name, "proxbit_wasm_bg.wasm");
  if (!existsSync(join(root, "ts", file))) throw new Error(`ts/${file} is missing: run scripts/build-wasm first`);
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  writeFileSync(join(dist, file), withoutCustomSections(readFileSync(join(root, "ts", file))));
}
// The type of an import of such a file, which bundlers give as bytes, a module or an address.
writeFileSync(
  join(dist, "wasm/core.d.ts"),
  'import type { GivenCore } from "../runtime/source.js";\ndeclare const core: GivenCore;\nexport default core;\n',
);

await buildInline(dist);
await bundleEntries(dist);
// Behind the entries, which take the packages into themselves.
await vendor(root, dist);
await minifyScripts(dist);
declarePlatform();
excuseTensorFlow();

const commandLine = join(dist, "cli/main.js");
if (existsSync(commandLine)) chmodSync(commandLine, 0o755);

/**
 * Lets our types resolve where neither the types of a page nor those of Node are. Each name is empty here, and takes
 * the members of the platform's own declaration where there is one.
 */
function declarePlatform(): void {
  const names =
    "interface AbortSignal {}\ninterface URL {}\ninterface SymbolConstructor {\n  readonly dispose: unique symbol;\n}\n";
  const core = "declare namespace WebAssembly {\n  interface Memory {}\n  interface Module {}\n}\n";
  writeFileSync(join(dist, "platform.d.ts"), names + core);
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  for (const entry of Object.values(exports)) {
    if (typeof entry === "string") continue;
    const file = join(root, entry.types);
    const path = relative(dirname(file), join(dist, "platform.d.ts")).replaceAll("\\", "/");
    writeFileSync(
      file,
      `/// <reference path="${path.startsWith(".") ? path : `./${path}`}" />\n${readFileSync(file, "utf8")}`,
    );
  }
}

/** Lets the types of `proxbit/reference` resolve where tfjs, which is optional, is not installed. `@ts-expect-error` would fail where it is. */
function excuseTensorFlow(): void {
  const file = join(dist, "reference/tensorflow.d.ts");
  const source = readFileSync(file, "utf8");
  writeFileSync(file, source.replaceAll(/^(?:import|export) .*"@tensorflow\/.*$/gm, "// @ts-ignore: optional\n$&"));
}
