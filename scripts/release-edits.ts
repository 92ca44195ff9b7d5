/** The edits of a release: the version wherever it stands, and the changelog's heading. */

export const kinds = ["patch", "minor", "major"] as const;
export type Kind = (typeof kinds)[number];

/** The version after `version` = "MAJOR.MINOR.PATCH". */
export function nextVersion(version: string, kind: Kind): string {
  const numbers = /^(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number);
  if (numbers === undefined) throw new Error(`"${version}" is no version of the form 1.2.3`);
  const place = kinds.length - 1 - kinds.indexOf(kind);
  return numbers.map((number, at) => (at < place ? number : at === place ? number + 1 : 0)).join(".");
}

interface Edit {
  readonly file: string;
  /** The text before, with <version> in the place of the number. It occurs once. */
  readonly pattern: string;
  /** The text after; `pattern` with the new number where absent. */
  readonly becomes?: string;
}

const edits: readonly Edit[] = [
  { file: "package.json", pattern: '"version": "<version>"' },
  { file: "package-lock.json", pattern: '"name": "proxbit",\n  "version": "<version>"' },
  { file: "package-lock.json", pattern: '"name": "proxbit",\n      "version": "<version>"' },
  { file: "ts/io/version.ts", pattern: 'VERSION = "<version>"' },
  { file: "Cargo.toml", pattern: '[workspace.package]\nversion = "<version>"' },
  { file: "Cargo.lock", pattern: 'name = "proxbit-kernels"\nversion = "<version>"' },
  { file: "Cargo.lock", pattern: 'name = "proxbit-wasm"\nversion = "<version>"' },
  { file: "README.md", pattern: "proxbit-<version>.tgz" },
  { file: "CHANGELOG.md", pattern: "## Unreleased\n", becomes: "## Unreleased\n\n## <version>\n" },
];

/** The files that name the version. */
export const releaseFiles: readonly string[] = [...new Set(edits.map(({ file }) => file))];

const numbered = (pattern: string, version: string): string => pattern.replace("<version>", version);

/** The text under "Unreleased" in the changelog. */
export function unreleased(changelog: string): string {
  const [, after = ""] = changelog.split("## Unreleased\n");
  return (after.split(/^## /m)[0] ?? "").trim();
}

/**
 * The files after a release from `version` to `next`, by name. `texts` are those before.
 *
 * @throws Error where a file does not name the version where it should, or the changelog has nothing new.
 */
export function release(
  texts: Readonly<Record<string, string>>,
  version: string,
  next: string,
): Readonly<Record<string, string>> {
  if (unreleased(texts["CHANGELOG.md"] ?? "") === "") throw new Error("CHANGELOG.md has nothing under Unreleased");
  const after: Record<string, string> = { ...texts };
  for (const { file, pattern, becomes = pattern } of edits) {
    const parts = (after[file] ?? "").split(numbered(pattern, version));
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, and not once: ${pattern}`);
    after[file] = parts.join(numbered(becomes, next));
  }
  return after;
}
