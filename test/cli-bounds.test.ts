/** `--max-memory` and `--max-operations`: every command that opens a model file has them, and its remedy works. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { boundsFrom, memorySize, operationCount } from "../ts/cli/bounds.ts";
import { loadSession } from "../ts/cli/model-file.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { blankFile } from "./blank-models.ts";
import { failureOf, proxbit } from "./cli-helpers.ts";
import { rejected, thrown, withFolder } from "./io-helpers.ts";

const file = blankFile(
  sequential({ inputShape: [8, 8, 1] }, [
    layers.conv2d({ filters: 4, kernelSize: 3 }),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]),
);

describe("the sizes of memory", () => {
  it.each([
    ["1000", 1000],
    ["512MiB", 2 ** 29],
    ["2 gib", 2 ** 31],
    ["1.5GB", 1.5e9],
    ["4e9", 4e9],
  ])("%s", (text, bytes) => expect(memorySize(text)).toBe(bytes));

  it.each(["", "much", "0", "-1", "5 apples", "1..2", "1e300", "3constructor"])("are not %j", (text) => {
    thrown("argument", () => memorySize(text));
  });
});

it("counts operations in whole numbers", () => {
  expect([operationCount("34"), operationCount("5e10")]).toEqual([34, 5e10]);
  for (const text of ["", "0", "1.5", "-3", "all"]) thrown("argument", () => operationCount(text));
  expect(thrown("argument", () => operationCount("all")).message).toContain('not "all"');
});

it.each([
  ["--max-memory", { maxMemory: 1000 }, (text: string) => ({ maxMemory: memorySize(text) })],
  ["--max-operations", { maxOperations: 10 }, (text: string) => ({ maxOperations: operationCount(text) })],
] as const)("names %s and the number that would do", async (option, bounds, parsed) => {
  const { message, remedy } = await rejected("model-file", loadSession("net", file, bounds));
  expect(message).toMatch(new RegExp(`^net: the network takes \\d+ .*; ${option} allows 10`));
  expect(remedy).not.toMatch(/maxMemory|maxOperations|load/);
  const number = new RegExp(`add ${option} (\\d+)`).exec(remedy)?.[1] ?? "";
  (await loadSession("net", file, boundsFrom(parsed(number)))).close();
});

it.each(["predict", "eval", "explain", "check"])("holds the file of `%s` against them", (command) =>
  withFolder(async (folder) => {
    const path = join(folder, "net.safetensors");
    await writeFile(path, file);
    const images = command === "predict" ? [path] : [];
    const { message } = await failureOf(command, path, ...images, "--max-operations", "10");
    expect(message).toContain("--max-operations allows 10");
  }),
);

it("refuses them where no model file is given", async () => {
  for (const command of ["explain", "check"]) {
    expect((await failureOf(command, "mlp", "--max-memory", "1GiB")).message).toMatch(
      /^--max-memory is for model files/,
    );
  }
  expect((await proxbit("explain", "mlp")).code).toBe(0);
});
