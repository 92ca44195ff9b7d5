/** Packs this package, and installs it beside the packages of a group, in .cache/consumers. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./row.ts";

export const cache = join(root, ".cache/consumers");

/** Packs dist/ as it is. Returns the path of the tarball. */
export async function packPackage(): Promise<string> {
  if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: run npm run build first");
  mkdirSync(cache, { recursive: true });
  const stdout = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", cache], root);
  // npm 11 prints a list, npm 12 an object by name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { readonly filename: string }>);
  const tarball = join(cache, "proxbit.tgz");
  renameSync(join(cache, packed?.filename ?? ""), tarball);
  return tarball;
}

/** Other platforms than this one's that a group is made of. */
const foreign: Readonly<Record<string, readonly string[]>> = { arm64: ["--force"] };

/**
 * Makes `node_modules` of a group: its packages by its lock file, where they are not there yet, and the tarball anew.
 * Returns the group's folder.
 */
export async function installGroup(group: string, tarball: string): Promise<string> {
  const [source, folder] = [join(import.meta.dirname, "groups", group), join(cache, group)];
  const lock = join(source, "package-lock.json");
  const stamp = join(folder, "installed");
  const wanted = existsSync(lock) ? readFileSync(lock, "utf8") : "";
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    cpSync(source, folder, { recursive: true });
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    if (wanted !== "") await run("npm", ["ci", ...quiet, ...(foreign[group] ?? [])], folder);
    writeFileSync(stamp, wanted);
  }
  const target = join(folder, "node_modules/proxbit");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"], folder);
  return folder;
}

/**
 * An empty project outside this repository, into which npm installs the tarball and whatever it asks for. Returns the
 * project's folder, which the caller removes.
 */
export async function installAlone(tarball: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "proxbit-alone-"));
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  await run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", tarball], folder);
  return folder;
}
