/** The examples of README and docs are code that runs, as it stands there, against the built package. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, it } from "vitest";
import { pngFile } from "./image-files.ts";

const root = join(import.meta.dirname, "..");

async function examplesOf(page: string): Promise<readonly string[]> {
  const text = await readFile(join(root, page), "utf8");
  return [...text.matchAll(/```ts\n(import[\s\S]*?)```/g)].map((match) => match[1] ?? "");
}

/** Runs examples one after the other in a folder of their own. Hands over the output of each, and the folder. */
async function run(
  examples: readonly string[],
  look: (stdouts: readonly string[], folder: string) => void | Promise<void>,
  prepare: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  expect(existsSync(join(root, "dist/index.js")), "dist is missing: run npm run build").toBe(true);
  // Inside the package, so that "proxbit" resolves to its own exports, as it does for a user.
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache/readme-"));
  try {
    await prepare(folder);
    const stdouts: string[] = [];
    for (const example of examples) {
      await writeFile(join(folder, "example.mts"), example);
      const { stdout } = await promisify(execFile)(process.execPath, ["example.mts"], { cwd: folder });
      stdouts.push(stdout);
    }
    await look(stdouts, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const accuraciesIn = (stdout: string): readonly number[] =>
  [...stdout.matchAll(/^epoch \d+: ([\d.]+)$/gm)].map((match) => Number(match[1]));

it("README: trains a network and runs it", async () => {
  const examples = await examplesOf("README.md");
  expect(examples).toHaveLength(2);
  const [running = "", training = ""] = examples;
  await run([training, running], ([trained = "", ran], folder) => {
    expect(accuraciesIn(trained)).toHaveLength(2);
    expect(Math.max(...accuraciesIn(trained))).toBeGreaterThan(0.8);
    expect(ran).toMatch(/^class \d\n$/);
    expect(existsSync(join(folder, "digits.safetensors"))).toBe(true);
  });
});

it("docs/networks.md: trains, packs and runs layers of one's own", async () => {
  const examples = await examplesOf("docs/networks.md");
  expect(examples).toHaveLength(1);
  await run(examples, async ([stdout = ""], folder) => {
    expect(accuraciesIn(stdout)).toHaveLength(2);
    expect(Math.max(...accuraciesIn(stdout))).toBeGreaterThan(0.85);
    expect(stdout).toContain("the first digit is 7 and the label says 7");
    expect((await stat(join(folder, "digits.safetensors"))).size).toBeLessThan(16000);
  });
});

it("docs/training.md: teaches a binary network, and draws its mistakes", async () => {
  const examples = await examplesOf("docs/training.md");
  expect(examples).toHaveLength(1);
  await run(examples, ([stdout = ""]) => {
    expect(Number(/accuracy: ([\d.]+)/.exec(stdout)?.[1])).toBeGreaterThan(0.8);
    expect(Number(/top2: ([\d.]+)/.exec(stdout)?.[1])).toBeGreaterThan(0.9);
    expect(stdout).toMatch(/^true \\ given to/m);
  });
});

it("docs/methods.md: trains with a method of one's own, of at most forty lines", async () => {
  const examples = await examplesOf("docs/methods.md");
  expect(examples).toHaveLength(1);
  expect(examples[0]?.trimEnd().split("\n").length).toBeLessThanOrEqual(40);
  await run(examples, ([stdout = ""]) => {
    const lines = [...stdout.matchAll(/^(\d) (\d+) ([\d.]+)$/gm)].map(([, ...numbers]) => numbers.map(Number));
    expect(lines.map(([epoch]) => epoch)).toEqual([1, 2]);
    // The task has moved weights, and its count goes on from epoch to epoch.
    expect(lines[0]?.[1]).toBeGreaterThan(0);
    expect(lines[1]?.[1]).toBeGreaterThan(lines[0]?.[1] ?? Number.NaN);
    expect(lines[1]?.[2]).toBeGreaterThan(0.8);
  });
});

it("docs/examples.md: trains on lists, and reads streams", async () => {
  const examples = await examplesOf("docs/examples.md");
  expect(examples).toHaveLength(3);
  await run(examples, ([trained, byNumber, inOrder]) => {
    expect(trained).toMatch(/^epoch 1: [\d.]+\nepoch 2: [\d.]+\n$/);
    expect(byNumber).toBe("900000 100000 64\n");
    expect(inOrder).toBe("32\n");
  });
});
/** Two kinds of flowers as rows: sides, and the number of the kind. */
const FLOWERS = Array.from({ length: 12 }, (_, index) => [index / 2, index % 5, index % 2] as const);

async function writeData(folder: string): Promise<void> {
  for (const [label, name] of ["cat", "dog"].entries()) {
    await mkdir(join(folder, "photos", name), { recursive: true });
    for (let index = 0; index < 20; index++) {
      const png = pngFile(40, 36, {}, (x) => (label === 0 ? [200, x + index, 20] : [20, x + index, 200]));
      await writeFile(join(folder, "photos", name, `${index}.png`), png);
    }
  }
  const lines = FLOWERS.map(([length, width, kind]) => `${length},${width},"${kind === 0 ? "iris" : "rose"}"`);
  await writeFile(join(folder, "flowers.csv"), ["length,width,species", ...lines].join("\n"));
  const column = (at: 0 | 1 | 2): number[] => FLOWERS.map((row) => row[at]);
  const columnData = [
    { name: "length", data: column(0), type: "DOUBLE" as const },
    { name: "width", data: column(1), type: "DOUBLE" as const },
    { name: "species", data: column(2), type: "INT32" as const },
  ];
  await writeFile(join(folder, "flowers.parquet"), new Uint8Array(parquetWriteBuffer({ columnData })));
  const database = new DatabaseSync(join(folder, "flowers.sqlite"));
  database.exec("CREATE TABLE flowers (length REAL, width REAL, species INTEGER)");
  const insert = database.prepare("INSERT INTO flowers VALUES (?, ?, ?)");
  for (const row of FLOWERS) insert.run(...row);
  database.close();
}

it("docs/data.md: trains on a folder of pictures, and reads tables and a database", async () => {
  const examples = await examplesOf("docs/data.md");
  expect(examples).toHaveLength(5);
  await run(
    examples,
    ([trained = "", several, ...tables]) => {
      expect(Math.max(...accuraciesIn(trained))).toBe(1);
      expect(trained).toMatch(/\ncat 0\.\d+\n$/);
      expect(several).toMatch(/^(nothing known|(cat|dog) [01]\.\d\d(, (cat|dog) [01]\.\d\d)?)\n$/);
      expect(tables).toEqual(Array<string>(3).fill("9 3 iris rose\n"));
    },
    writeData,
  );
});

it("docs/family.md: composes and decomposes quantizers", async () => {
  const examples = await examplesOf("docs/family.md");
  expect(examples).toHaveLength(1);
  await run(examples, ([stdout = ""]) => {
    const [bytes, decomposes, reason] = stdout.trim().split("\n");
    expect(bytes).toMatch(/^\d+ bytes of table$/);
    expect(decomposes).toBe("true");
    expect(reason).toMatch(/share F = 1 but not B/);
  });
});

it("docs/checkpoints.md: goes on to the same bytes", async () => {
  const examples = await examplesOf("docs/checkpoints.md");
  expect(examples).toHaveLength(1);
  await run(examples, ([stdout = ""]) => {
    expect(stdout).toBe("left behind epoch 1\nepoch 2\nepoch 3\nsame bytes true\n");
  });
});

it("docs/check.md: checks a network against tfjs", async () => {
  const examples = await examplesOf("docs/check.md");
  expect(examples).toHaveLength(1);
  await run(examples, ([stdout]) => {
    expect(stdout).toMatch(/^tfjs 4[.\d]+, backend cpu in Node /);
    expect(stdout).toMatch(/\npass: \d+ tensors compared; the binary products are exactly equal; .*\n$/);
  });
});
