/**
 * Puts the packages that we use at run time into dist/vendor, a bundle each, and lets the files of dist/ import those.
 * So a page without a bundler finds them, workers do too, and an installation brings one package. Their licences go
 * into dist/THIRD-PARTY.md, behind those of the Rust crates.
 */
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { rolldown } from "rolldown";

/** The file in dist/vendor that stands for a module of a package. */
const files: Readonly<Record<string, string>> = {
  "cli-progress": "cli-progress.js",
  comlink: "comlink.js",
  "comlink/dist/esm/node-adapter.mjs": "comlink-node.js",
  commander: "commander.js",
  "fast-png": "fast-png.js",
  "fastest-levenshtein": "fastest-levenshtein.js",
  fflate: "fflate.js",
  "jpeg-js": "jpeg-js.js",
  "wasm-feature-detect": "wasm-feature-detect.js",
};

/** Packages of the command line, which only Node runs. A page loads the others, so they may name no built-in module. */
const forNode: ReadonlySet<string> = new Set(["cli-progress", "commander"]);

/** Declarations that ours name: the file in dist/vendor, and where the package keeps it. */
const declarations: Readonly<Record<string, string>> = {
  "comlink.d.ts": "comlink/dist/esm/comlink.d.ts",
  "protocol.d.ts": "comlink/dist/esm/protocol.d.ts",
};

/** `from "NAME"` and `import("NAME")`, and the names that are taken, on one line as the compiler writes them. */
const staticImport = /\b(?:import|export)\s+([^"';]+?)\s+from\s+"([^".][^"]*)"/g;
const dynamicImport = /\{\s*([\w\s,]+?)\s*\} = await import\("([^".][^"]*)"\)/g;
const specifier = /(\bfrom\s+|\bimport\s*\(\s*)"([^".][^"]*)"/g;

/** The names in the clause of an import: "a, { b, type C }" is "default", "b" and "C". */
function namesIn(clause: string): readonly string[] {
  const [, first, inner] = /^(?:type\s+)?([\w$]+)?\s*,?\s*(?:\{([^}]*)\})?$/.exec(clause.trim()) ?? [];
  const named = (inner ?? "").split(",").map((part) => part.trim().split(/\s+as\s+/)[0] ?? "");
  return [...(first === undefined ? [] : ["default"]), ...named].filter((name) => name !== "");
}

/** The names that the scripts of `dist` take from each of our packages. */
function namesTaken(scripts: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const taken = new Map<string, Set<string>>();
  const note = (module: string, names: readonly string[]): void => {
    if (files[module] === undefined) return;
    const known = taken.get(module) ?? new Set();
    for (const name of names) known.add(name);
    taken.set(module, known);
  };
  for (const script of scripts) {
    const text = readFileSync(script, "utf8");
    for (const [, clause = "", module = ""] of text.matchAll(staticImport)) note(module, namesIn(clause));
    for (const [, names = "", module = ""] of text.matchAll(dynamicImport)) note(module, namesIn(`{${names}}`));
  }
  return taken;
}

/** Bundles `names` of `module` into one file. Returns the folders of all packages whose code is inside. */
async function bundle(root: string, module: string, names: ReadonlySet<string>, file: string): Promise<string[]> {
  const entry = join(root, "vendor-entry.js");
  const bundler = await rolldown({
    input: entry,
    cwd: root,
    platform: forNode.has(module) ? "node" : "neutral",
    // ES modules first: they leave out what nobody takes.
    resolve: { mainFields: ["module", "main"] },
    plugins: [
      {
        name: "vendor-entry",
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? `export { ${[...names].join(", ")} } from "${module}";` : null),
      },
    ],
  });
  try {
    const { output } = await bundler.write({ file, format: "esm", codeSplitting: false });
    const inside = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
    return inside.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll(sep, "/")) ?? []);
  } finally {
    await bundler.close();
  }
}

/** Name, version and licence of a package as Markdown, with the text of its licence. */
function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e([.-].*)?$/i.test(entry));
  if (file === undefined) throw new Error(`${name} ${version} brings no text of its licence`);
  const text = readFileSync(join(folder, file), "utf8").trim();
  return `## ${name} ${version} (${license})\n\n\`\`\`text\n${text}\n\`\`\`\n`;
}

function redirect(file: string, dist: string): void {
  const source = readFileSync(file, "utf8");
  const rewritten = source.replace(specifier, (all, before: string, module: string) => {
    const target = files[module];
    if (target === undefined) return all;
    const path = relative(dirname(file), join(dist, "vendor", target)).replaceAll(sep, posix.sep);
    return `${before}"${path.startsWith(".") ? path : `./${path}`}"`;
  });
  if (rewritten !== source) writeFileSync(file, rewritten);
}

/** Bundles the packages into `dist`/vendor, once the compiler has filled `dist`. `root` is the folder of package.json. */
export async function vendor(root: string, dist: string): Promise<void> {
  // No entry leads to the types of the command line, which name commander's.
  for (const file of globSync("cli/**/*.d.ts{,.map}", { cwd: dist })) rmSync(join(dist, file));
  const scripts = globSync("**/*.js", { cwd: dist }).map((name) => join(dist, name));
  const taken = namesTaken(scripts);
  mkdirSync(join(dist, "vendor"));
  const folders = new Set<string>();
  for (const [module, names] of taken) {
    const file = join(dist, "vendor", files[module] as string);
    for (const folder of await bundle(root, module, names, file)) folders.add(folder);
  }
  for (const [name, source] of Object.entries(declarations)) {
    copyFileSync(join(root, "node_modules", source), join(dist, "vendor", name));
  }
  for (const file of [...scripts, ...globSync("**/*.d.ts", { cwd: dist }).map((name) => join(dist, name))]) {
    if (existsSync(file)) redirect(file, dist);
  }
  const licences = [...folders].toSorted().map(licenceOf);
  const rust = readFileSync(join(root, "scripts/vendor/rust-licences.md"), "utf8");
  writeFileSync(join(dist, "THIRD-PARTY.md"), `${rust}\n${licences.join("\n")}`);
}
