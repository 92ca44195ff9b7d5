/** The built package as it is published: what it brings along, what it leaves out, and where its links lead. */
import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { jsonLines } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Packed {
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}

async function pack(...options: readonly string[]): Promise<Packed> {
  expect(existsSync(join(root, "dist/index.js")), "dist is missing: run npm run build").toBe(true);
  const { stdout } = await promisify(execFile)("npm", ["pack", "--ignore-scripts", "--json", ...options], {
    cwd: root,
    maxBuffer: 1 << 26,
  });
  // npm 11 prints a list, npm 12 an object by name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, Packed>);
  return packed as Packed;
}

const dry = pack("--dry-run");

it("is the same file, byte for byte, when it is packed again", () =>
  withFolder(async (folder) => {
    const packed = await pack("--pack-destination", folder);
    expect(packed.integrity).toBe((await dry).integrity);
  }));

it("holds the code, its sources and its licences, and nothing of the workshop", async () => {
  const { files } = await dry;
  const paths = new Set(files.map(({ path }) => path));
  const needed = ["LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "dist/THIRD-PARTY.md", "dist/cli/main.js"];
  expect(needed.filter((path) => !paths.has(path))).toEqual([]);
  const rooms = new Set([...paths].filter((path) => path.includes("/")).map((path) => path.split("/")[0]));
  expect([...rooms].toSorted()).toEqual(["dist", "ts"]);
  expect([...paths].filter((path) => /^ts\/(wasm|playground)\//.test(path))).toEqual([]);
});

it("names no package but those that are optional", () => {
  const optional = new Set(Object.keys(manifest.peerDependenciesMeta));
  const strangers = globSync("dist/**/*.{js,d.ts}", { cwd: root }).flatMap((file) =>
    [
      ...read(file).matchAll(
        /(?:^|[;}])(?:import|export)\b[^"';]*?\bfrom\s*"([^".][^"]*)"|await import\("([^".][^"]*)"\)/gm,
      ),
    ]
      .map((match) => match[1] ?? match[2] ?? "")
      .filter((name) => !isBuiltin(name) && ![...optional].some((known) => `${name}/`.startsWith(`${known}/`)))
      .map((name) => `${file}: ${name}`),
  );
  expect(strangers).toEqual([]);
  expect(manifest.dependencies ?? {}).toEqual({});
});

it("brings the licence of each package and each crate that is inside", async () => {
  const listed = read("dist/THIRD-PARTY.md");
  const inside = globSync("dist/vendor/*.js", { cwd: root }).flatMap((file) => [
    ...read(file).matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm),
  ]);
  const packages = new Set(inside.map((match) => match[1]));
  expect(packages.size).toBeGreaterThan(5);
  expect([...packages].filter((name) => !listed.includes(`## ${name} `))).toEqual([]);
  expect(await cratesInside()).toEqual(
    [...listed.matchAll(/^\| ([a-z][\w-]*) \|/gm)].map((match) => match[1]).slice(1),
  );
});

/** Crates behind the core that are compiled into it; macros run at build time only. */
async function cratesInside(): Promise<readonly string[]> {
  const options = ["tree", "--package", "proxbit-wasm", "--edges", "normal,no-proc-macro", "--prefix", "none"];
  const { stdout } = await promisify(execFile)("cargo", [...options, "--format", "{p}"], { cwd: root });
  const names = stdout.split("\n").map((line) => line.split(" ")[0] ?? "");
  return [...new Set(names)].filter((name) => name !== "" && !name.startsWith("proxbit")).toSorted();
}

it("leads debuggers and editors to sources that are there", () => {
  const maps = globSync("dist/**/*.map", { cwd: root });
  expect(maps.length).toBeGreaterThan(100);
  for (const map of maps) {
    const { sources } = JSON.parse(read(map)) as { readonly sources: readonly string[] };
    for (const source of sources) expect(existsSync(join(root, dirname(map), source)), `${map}: ${source}`).toBe(true);
  }
});

it("has a README whose links work on npm: absolute, or to a file of the package", async () => {
  const { files } = await dry;
  const paths = new Set(files.map(({ path }) => path));
  const links = [...read("README.md").matchAll(/\]\(([^)\s]+)\)|^\[[\w-]+\]: (\S+)$/gm)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
  expect(links.length).toBeGreaterThan(5);
  const page = manifest.homepage.replace("#readme", "/blob/main/");
  const raw = `${page.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")}`;
  for (const link of links) {
    const [path = ""] = link.split("#");
    const own = [page, raw].find((start) => path.startsWith(start));
    if (own !== undefined) expect(existsSync(join(root, path.slice(own.length))), link).toBe(true);
    else if (!/^https:/.test(path)) expect([...paths], link).toContain(path);
  }
});

it("runs its command without any package beside it", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, "dist/cli/main.js"),
    "explain",
    "cnn",
    "--json",
  ]);
  expect(jsonLines(stdout).at(-1)).toMatchObject({ type: "result" });
});
