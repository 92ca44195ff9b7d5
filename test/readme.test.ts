/** The README's examples are code that runs, as it stands there, against the built package. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

const readme = await readFile(join(root, "README.md"), "utf8");
const examples = [...readme.matchAll(/```ts\n(import[\s\S]*?)```/g)].map((match) => match[1] ?? "");

/** Runs an example in a folder of its own, and hands over what it prints and the folder. */
async function run(example: string, look: (stdout: string, folder: string) => void | Promise<void>): Promise<void> {
  expect(existsSync(join(root, "dist/index.js")), "dist is missing: run npm run build").toBe(true);
  // Inside the package, so that "proxbit" resolves to its own exports, as it does for a user.
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache/readme-"));
  try {
    await writeFile(join(folder, "example.mts"), example);
    const { stdout } = await promisify(execFile)(process.execPath, ["example.mts"], { cwd: folder });
    await look(stdout, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

it("trains, packs and runs a network on real data", async () => {
  const [example = ""] = examples;
  expect(example.split("\n").length).toBeGreaterThan(25);
  await run(example, async (stdout, folder) => {
    const accuracies = [...stdout.matchAll(/^epoch \d+: ([\d.]+)$/gm)].map((match) => Number(match[1]));
    expect(accuracies).toHaveLength(2);
    expect(Math.max(...accuracies)).toBeGreaterThan(0.85);
    expect(stdout).toContain("the first digit is 7 and the label says 7");
    expect((await stat(join(folder, "digits.safetensors"))).size).toBeLessThan(16000);
  });
});

it("composes and decomposes quantizers", async () => {
  await run(examples[1] ?? "", (stdout) => {
    const [bytes, decomposes, reason] = stdout.trim().split("\n");
    expect(bytes).toMatch(/^\d+ bytes of table$/);
    expect(decomposes).toBe("true");
    expect(reason).toMatch(/share F = 1 but not B/);
  });
});

it("checks a network against tfjs", async () => {
  expect(examples).toHaveLength(3);
  await run(examples[2] ?? "", (stdout) => {
    expect(stdout).toMatch(/^tfjs 4[.\d]+, backend cpu in Node /);
    expect(stdout).toMatch(/\npass: \d+ tensors compared; the binary products are exactly equal; .*\n$/);
  });
});
