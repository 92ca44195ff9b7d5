/**
 * The mutants of ts/, by Stryker's instrumenter. It only lists them. A mutant is then written into a copy of the
 * sources. So worker threads and child processes run it too; Stryker's own runner switches mutants within one thread.
 *
 * The instrumenter brings Babel, 78 packages. It is therefore installed on first use, from a lock of its own.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { identify, type Mutant, type Place } from "./mutant.ts";
import { run } from "./process.ts";
import { roomOf } from "./rooms.ts";

interface Position {
  readonly line: number;
  readonly column: number;
}

interface Proposal {
  readonly fileName: string;
  readonly location: { readonly start: Position; readonly end: Position };
  readonly mutatorName: string;
  readonly replacement: string;
}

interface Instrumenter {
  instrument(
    files: readonly { name: string; content: string; mutate: boolean }[],
    options: { ignorers: readonly []; excludedMutations: readonly string[]; plugins: null; noHeader: boolean },
  ): Promise<{ readonly mutants: readonly Proposal[] }>;
}

async function instrumenter(root: string): Promise<Instrumenter> {
  const folder = join(root, ".cache/mutants/stryker");
  const entry = join(folder, "node_modules/@stryker-mutator/instrumenter/dist/src/index.js");
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true });
    for (const name of ["package.json", "package-lock.json"]) {
      copyFileSync(join(import.meta.dirname, "stryker", name), join(folder, name));
    }
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  }
  const { Instrumenter } = await import(pathToFileURL(entry).href);
  const ignore = () => {};
  return new Instrumenter({ debug: ignore, info: ignore, warn: console.error, isDebugEnabled: () => false });
}

/** Babel prints a replacement without the brackets that its place may need; these operators are the loose ones. */
const text = ({ mutatorName, replacement }: Proposal): string =>
  mutatorName === "LogicalOperator" ? `(${replacement})` : replacement;

type Listed = Record<string, { readonly hash: string; readonly proposals: readonly Proposal[] }>;

/** The instrumenter's proposals for each file. Lists of files that have not changed are kept, because it takes a minute. */
async function listed(root: string, contents: ReadonlyMap<string, string>): Promise<Listed> {
  const kept = join(root, ".cache/mutants/stryker/listed.json");
  const before: Listed = existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : {};
  const hashes = new Map(
    [...contents].map(([name, content]) => [name, createHash("sha256").update(content).digest("hex")]),
  );
  const changed = [...contents].filter(([name]) => before[name]?.hash !== hashes.get(name));
  if (changed.length === 0) return before;
  const options = { ignorers: [], excludedMutations: [], plugins: null, noHeader: true } as const;
  const sources = changed.map(([name, content]) => ({ name, content, mutate: true }));
  const { mutants } = await (await instrumenter(root)).instrument(sources, options);
  const found = Map.groupBy(mutants, ({ fileName }) => fileName);
  const entries = changed.map(([name]): [string, Listed[string]] => {
    const proposals = (found.get(name) ?? []).map(({ fileName, location, mutatorName, replacement }) => ({
      ...{ fileName, location, mutatorName, replacement },
    }));
    return [name, { hash: hashes.get(name) ?? "", proposals }];
  });
  const after = { ...before, ...Object.fromEntries(entries) };
  writeFileSync(kept, JSON.stringify(after));
  return after;
}

export async function strykerMutants(root: string): Promise<Mutant[]> {
  const files = globSync("ts/**/*.ts", { cwd: root, exclude: (name) => name === "wasm" }).sort();
  const contents = new Map(files.map((name) => [name, readFileSync(join(root, name), "utf8")]));
  const all = await listed(root, contents);
  return [...contents].flatMap(([file, content]) => {
    const starts = [0, ...[...content.matchAll(/\n/g)].map(({ index }) => index + 1)];
    const offset = ({ line, column }: Position): number => (starts[line] ?? 0) + column;
    const places = (all[file]?.proposals ?? []).map(
      (proposal): Place => ({
        room: roomOf(file),
        file,
        kind: proposal.mutatorName,
        replacement: proposal.replacement,
        start: offset(proposal.location.start),
        end: offset(proposal.location.end),
        text: text(proposal),
      }),
    );
    return identify(places, content);
  });
}
