/** The edits of a release, on the files of this repository. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nextVersion, release, releaseFiles, unreleased } from "../scripts/release-edits.ts";

const root = join(import.meta.dirname, "..");
const texts: Readonly<Record<string, string>> = Object.fromEntries(
  releaseFiles.map((file) => [file, readFileSync(join(root, file), "utf8")]),
);
const { version } = JSON.parse(texts["package.json"] ?? "");
/** The repository right after a release, and somebody's next entry. */
const fresh: Readonly<Record<string, string>> = {
  ...texts,
  "CHANGELOG.md": `# Changelog\n\n## Unreleased\n\n- An entry.\n\n## ${version}\n\nOlder.\n`,
};

describe("a release", () => {
  it.each([
    ["patch", "1.2.4"],
    ["minor", "1.3.0"],
    ["major", "2.0.0"],
  ] as const)("of kind %s makes %s of 1.2.3", (kind, next) => {
    expect(nextVersion("1.2.3", kind)).toBe(next);
  });

  it("refuses a version that is none", () => {
    expect(() => nextVersion("1.2", "patch")).toThrow('"1.2" is no version');
  });

  it("changes every file that names the version, by a line or two", () => {
    const after = release(fresh, version, "9.8.7");
    for (const file of releaseFiles) {
      const lines = (fresh[file] ?? "").split("\n");
      const added = (after[file] ?? "").split("\n").filter((line) => line.includes("9.8.7") && !lines.includes(line));
      expect(added.length, file).toBeGreaterThan(0);
    }
    expect(JSON.parse(after["package.json"] ?? "").version).toBe("9.8.7");
    const lock = JSON.parse(after["package-lock.json"] ?? "");
    expect([lock.version, lock.packages[""].version]).toEqual(["9.8.7", "9.8.7"]);
    expect(after["ts/io/version.ts"]).toContain('VERSION = "9.8.7"');
  });

  it("gives what was unreleased the new heading, and opens another", () => {
    const after = release(fresh, version, "9.8.7")["CHANGELOG.md"] ?? "";
    expect(after).toBe(`# Changelog\n\n## Unreleased\n\n## 9.8.7\n\n- An entry.\n\n## ${version}\n\nOlder.\n`);
    expect(unreleased(after)).toBe("");
  });

  it("refuses a changelog without an entry, and a file that lost the version", () => {
    const empty = { ...fresh, "CHANGELOG.md": `## Unreleased\n\n## ${version}\n\nOlder.\n` };
    expect(() => release(empty, version, "9.8.7")).toThrow("nothing under Unreleased");
    expect(() => release({ ...fresh, "README.md": "" }, version, "9.8.7")).toThrow("README.md has 0 times");
  });
});
