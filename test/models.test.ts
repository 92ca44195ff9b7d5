/**
 * The networks under `models/`. Each file has the network and the settings that its recipe still has, and its card says what file
 * and record say. Cards and pictures are written by `npm run models`.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { cardOf, pictureOf } from "../scripts/models/card.ts";
import { listingOf } from "../scripts/models/listing.ts";
import { type Line, lineOf, readRecord, resultOf, withLine, withTwinOf } from "../scripts/models/record.ts";
import { recipes } from "../ts/cli/recipes.ts";
import { load } from "../ts/inference/index.ts";
import { model } from "../ts/nn/models/index.ts";

const folder = new URL("../models/", import.meta.url);
const pathOf = (name: string): string => new URL(name, folder).pathname;
const names = (await readdir(folder)).flatMap((file) => /^(.+)\.safetensors$/.exec(file)?.[1] ?? []);

const recipeOf = (name: string) => {
  const recipe = recipes[name];
  if (recipe === undefined) throw new Error(`there is no recipe ${name}`);
  return recipe;
};

/** The record of a network, and the float twin of the one that it starts from. */
async function readBoth(name: string): Promise<readonly Line[]> {
  const { from } = recipeOf(name);
  const own = await readRecord(pathOf(`${name}.jsonl`));
  return from === undefined ? own : withTwinOf(own, await readRecord(pathOf(`${from}.jsonl`)));
}

describe.each(names)("models/%s", (name) => {
  it("was made with the settings that its recipe still has", async () => {
    const {
      from,
      teacher,
      model: network,
      options,
      data,
      optimizer,
      augment,
      labelSmoothing,
      ...numbers
    } = recipeOf(name);
    const { graph, metadata, inputShape } = await load(await readFile(pathOf(`${name}.safetensors`)));
    expect(graph).toEqual(model(network, { ...options, inputShape }));
    const { epochs, batchSize, seed } = numbers;
    const words = Object.entries({ labelSmoothing, epochs, batchSize, seed }).map(([key, value]) => [key, `${value}`]);
    const startedFrom = from === undefined ? "random weights" : "layers of a packed network";
    expect(metadata).toMatchObject({
      ...{
        dataset: data,
        startedFrom,
        ...(teacher && { loss: "crossEntropy, distillation" }),
        ...Object.fromEntries(words),
      },
      ...{ optimizerOptions: JSON.stringify(optimizer), augment: JSON.stringify(augment) },
    });
  });

  it("has the card and the picture of its record", async () => {
    const bytes = await readFile(pathOf(`${name}.safetensors`));
    const lines = await readBoth(name);
    const text = await readFile(pathOf(`${name}.jsonl`), "utf8");
    for (const line of lines) expect(lineOf(JSON.stringify(line), line.network, 3)).toEqual({ workers: 3, ...line });
    expect(text).not.toMatch(/"\//);
    const card = await readFile(pathOf(`${name}.md`), "utf8");
    expect(card).toBe(cardOf(name, recipeOf(name), lines, bytes));
    expect(card).toContain(createHash("sha256").update(bytes).digest("hex"));
    const result = resultOf(lines, "binary");
    expect(card).toContain(`**${((result?.testAccuracy ?? 0) * 100).toFixed(2)} %**`);
    expect(result?.packedBytes).toBe(bytes.length);
    expect(await readFile(pathOf(`${name}.svg`), "utf8")).toBe(pictureOf(name, lines));
  });
});

it("are all listed", async () => {
  expect(names).toContain("fashion-mnist");
  const records = names.map(async (name) => [name, await readBoth(name)] as const);
  const listing = await readFile(pathOf("README.md"), "utf8");
  expect(listing).toBe(listingOf(new Map(await Promise.all(records))));
  for (const name of names) expect(listing).toContain(`[${name}](${name}.md)`);
});

describe("a record", () => {
  const epoch = (number: number, loss: number): Line =>
    lineOf(JSON.stringify({ type: "epoch", epoch: number, loss }), "binary", 2) as Line;

  it("keeps epochs and results of a run, and nothing else", () => {
    expect(lineOf('{"type":"step","loss":1}', "float", 2)).toBeNull();
    expect(lineOf('{"type":"result","epochs":3,"file":"/home/me/out/x.safetensors"}', "float", 2)).toEqual({
      network: "float",
      workers: 2,
      type: "result",
      epochs: 3,
    });
  });

  it("tells the minutes of each number of workers that made it", async () => {
    const lines = await readBoth("cifar10-cct");
    const bytes = await readFile(pathOf("cifar10-cct.safetensors"));
    expect(cardOf("cifar10-cct", recipeOf("cifar10-cct"), lines, bytes)).toMatch(
      /\| binary .* \d+ with 1 worker, \d+ with 2 workers \|/,
    );
  });

  it("has an epoch once where a killed run made it again", () => {
    const lines = [epoch(1, 0.5), epoch(2, 0.4), epoch(2, 0.3)].reduce(withLine, [] as readonly Line[]);
    expect(lines).toEqual([epoch(1, 0.5), epoch(2, 0.3)]);
  });
});
