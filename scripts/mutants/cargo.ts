/** The mutants of crates/, by cargo-mutants, which is built when it is first wanted. It only lists them, as Stryker does. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { identify, type Mutant, type Place } from "./mutant.ts";
import { run } from "./process.ts";
import { roomOf } from "./rooms.ts";

const VERSION = "27.1.0";

/** The oracle, what tests draw, and the tests judge; they are not judged. */
const JUDGES = ["**/naive/**", "**/arbitrary.rs", "**/arbitrary/**", "**/tests.rs", "**/tests/**", "**/*_tests.rs"];

interface Position {
  readonly line: number;
  readonly column: number;
}

interface Proposal {
  readonly file: string;
  readonly genre: string;
  readonly span: { readonly start: Position; readonly end: Position };
  readonly replacement: string;
}

export async function cargoMutants(root: string): Promise<Mutant[]> {
  const folder = join(root, ".cache/cargo");
  const binary = join(folder, "bin/cargo-mutants");
  if (!existsSync(binary)) {
    const args = ["install", "--locked", "cargo-mutants", "--version", VERSION, "--root", folder];
    await run("cargo", args, { cwd: root });
  }
  const excluded = JUDGES.flatMap((pattern) => ["--exclude", pattern]);
  const listed = await run(binary, ["mutants", "--workspace", "--list", "--json", ...excluded], { cwd: root });
  const proposals: readonly Proposal[] = JSON.parse(listed);
  return [...Map.groupBy(proposals, ({ file }) => file)].flatMap(([file, found]) => {
    const content = readFileSync(join(root, file), "utf8");
    const starts = [0, ...[...content.matchAll(/\n/g)].map(({ index }) => index + 1)];
    const offset = ({ line, column }: Position): number => (starts[line - 1] ?? 0) + column - 1;
    const places = found.map(
      ({ genre, span, replacement }): Place => ({
        room: roomOf(file),
        file,
        kind: genre,
        replacement,
        start: offset(span.start),
        end: offset(span.end),
        text: `${replacement} /* mutant */`,
      }),
    );
    return identify(places, content);
  });
}
