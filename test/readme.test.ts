/** The README's example is code that runs, as it stands there, against the built package. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

it("runs the README's example on real data", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const example = /```ts\n(import[\s\S]*?)```/.exec(readme)?.[1] ?? "";
  expect(example.split("\n").length).toBeGreaterThan(25);
  expect(existsSync(join(root, "dist/index.js")), "dist is missing: run npm run build").toBe(true);
  // Inside the package, so that "proxbit" resolves to its own exports, as it does for a user.
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache/readme-"));
  try {
    await writeFile(join(folder, "example.mts"), example);
    const { stdout } = await promisify(execFile)(process.execPath, ["example.mts"], { cwd: folder });
    const accuracies = [...stdout.matchAll(/^epoch \d+: ([\d.]+)$/gm)].map((match) => Number(match[1]));
    expect(accuracies).toHaveLength(2);
    expect(Math.max(...accuracies)).toBeGreaterThan(0.85);
    expect(stdout).toContain("the first digit is 7 and the label says 7");
    expect((await stat(join(folder, "digits.safetensors"))).size).toBeLessThan(16000);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
