/** Copies of the working tree in which files are changed and changed back. The tree itself never holds a mutant. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Mutant, mutated } from "./mutant.ts";
import { run } from "./process.ts";

/** A test's own limit, as in "}, 120_000);". On a busy machine it would look like a fault that was found. */
const OWN_LIMIT = /^( *\}), [0-9_]+\);$/gm;

/**
 * Copies the files that git knows or would add, with the built core, to `.cache/mutants/NAME`. Build outputs there
 * stay.
 */
export async function makeSandbox(root: string, name: string): Promise<string> {
  const folder = join(root, ".cache/mutants", name);
  for (const old of ["ts", "test", "crates", "scripts", "bench"])
    rmSync(join(folder, old), { recursive: true, force: true });
  const listed = await run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const file of [...new Set(listed.split("\0"))].filter((file) => file !== "" && existsSync(join(root, file)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (file.endsWith(".test.ts")) {
      writeFileSync(join(folder, file), readFileSync(join(root, file), "utf8").replaceAll(OWN_LIMIT, "$1);"));
    } else {
      // The file gets the time of the copy. Otherwise cargo would keep a mutant's build of a run that was stopped.
      cpSync(join(root, file), join(folder, file));
    }
  }
  cpSync(join(root, "ts/wasm"), join(folder, "ts/wasm"), { recursive: true });
  for (const shared of ["node_modules", ".cache/cargo"]) {
    const link = join(folder, shared);
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(join(root, shared), link);
  }
  return folder;
}

/** Runs `work` while `folder` holds the mutant. */
export async function within<T>(folder: string, mutant: Mutant, work: () => Promise<T>): Promise<T> {
  const path = join(folder, mutant.file);
  const content = readFileSync(path, "utf8");
  writeFileSync(path, mutated(mutant, content));
  try {
    return await work();
  } finally {
    writeFileSync(path, content);
  }
}
