/**
 * `proxbit recipe`. A recipe's settings reach the trainer and the file. A wrong name is answered with the right one.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recipes } from "../ts/cli/recipes.ts";
import { load } from "../ts/inference/index.ts";
import { model } from "../ts/nn/models/index.ts";
import { parametersOf } from "../ts/nn/parameters.ts";
import { failureOf, resultOf } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

/** Images enough for one batch, in the layout of Fashion-MNIST. */
async function writeImages(folder: string): Promise<void> {
  const file = (dimensions: readonly number[]): Uint8Array => {
    const size = dimensions.reduce((product, axis) => product * axis, 1);
    const bytes = new Uint8Array(4 + 4 * dimensions.length + size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x0800 + dimensions.length);
    for (const [axis, length] of dimensions.entries()) view.setUint32(4 + 4 * axis, length);
    for (let at = 0; at < size; at++) bytes[bytes.length - size + at] = (at * 7919) % 10;
    return bytes;
  };
  for (const [prefix, count] of Object.entries({ train: 128, t10k: 10 })) {
    await writeFile(join(folder, `${prefix}-images-idx3-ubyte`), file([count, 28, 28]));
    await writeFile(join(folder, `${prefix}-labels-idx1-ubyte`), file([count]));
  }
}

describe("recipe", () => {
  it("trains with the recipe's settings and writes them into the file", () =>
    withFolder(async (folder) => {
      await writeImages(folder);
      const out = join(folder, "model.safetensors");
      const result = await resultOf("recipe", "fashion-mnist", "--data-dir", folder, "--epochs", "1", "--out", out);
      const { augment, batchSize, seed, options } = recipes["fashion-mnist"] ?? {};
      const { weightQuantizer, activationQuantizer } = options ?? {};
      expect(result).toMatchObject({ recipe: "fashion-mnist", model: "fashion", epochs: 1, batchSize, seed, augment });
      const { metadata } = await load(await readFile(out));
      const told = { weightQuantizer, activationQuantizer, augment: JSON.stringify(augment) };
      expect(metadata).toMatchObject({ dataset: "fashion-mnist", ...told });
    }));

  it("starts from the weights of a file, and says so in its own", () =>
    withFolder(async (folder) => {
      await writeImages(folder);
      const out = join(folder, "tuned.safetensors");
      const recipe = ["recipe", "fashion-mnist-cct", "--data-dir", folder, "--epochs", "1", "--out", out];
      await resultOf(...recipe, "--from", "models/fashion-mnist-cct.safetensors", "--from-layers", "shared");
      const { metadata } = await load(await readFile(out));
      expect(metadata).toMatchObject({ startedFrom: "layers of a packed network" });
      expect((await failureOf(...recipe, "--rescale")).remedy).toBe("Give --from too, or leave it out.");
    }));

  it("learns the answers of a teacher, and says so in its file", () =>
    withFolder(async (folder) => {
      await writeImages(folder);
      const out = join(folder, "taught.safetensors");
      const recipe = ["recipe", "fashion-mnist-cct", "--data-dir", folder, "--epochs", "1", "--out", out];
      await resultOf(...recipe, "--teacher", "models/fashion-mnist.safetensors");
      const { metadata } = await load(await readFile(out));
      expect(metadata).toMatchObject({ loss: "crossEntropy, distillation" });
    }));

  it("asks for the network that it starts from, and knows whose float twin is its own", async () => {
    const found = Object.entries(recipes).flatMap(([name, { from, teacher }]) =>
      from && teacher ? [[name, from, teacher]] : [],
    );
    const [name, from, teacher] = found[0] ?? [];
    const recipe = ["recipe", `${name}`, "--out", "never.safetensors"];
    const refused = await failureOf(...recipe);
    expect(refused.message).toBe(`the recipe "${name}" starts from the network of "${from}"`);
    expect(refused.remedy).toContain(`--from models/${from}.safetensors`);
    const untaught = await failureOf(...recipe, "--from", `models/${from}.safetensors`);
    expect(untaught.message).toBe(`the network of "${teacher}" teaches that of the recipe "${name}"`);
    expect(untaught.remedy).toContain(`--teacher models/${teacher}.safetensors`);
    expect((await failureOf(...recipe, "--float")).remedy).toBe(`Train that one: proxbit recipe ${from} --float.`);
  });

  it("names the option that gives it images enough for a step", () =>
    withFolder(async (folder) => {
      await writeImages(folder);
      const out = join(folder, "model.safetensors");
      const refused = failureOf("recipe", "fashion-mnist", "--data-dir", folder, "--limit", "64", "--out", out);
      expect((await refused).remedy).toBe("Give --limit 128 or more, or leave it out.");
    }));

  it("has a float twin: the same parameters, no quantizer", () => {
    const { model: name, options } = recipes["fashion-mnist"] ?? { model: "", options: {} };
    const binary = model(name, options);
    const float = model(name, { ...options, weightQuantizer: null, activationQuantizer: null });
    expect(parametersOf(float).map(({ name: parameter, shape }) => [parameter, shape])).toEqual(
      parametersOf(binary).map(({ name: parameter, shape }) => [parameter, shape]),
    );
    const all = parametersOf(binary).reduce((sum, { shape }) => sum + shape.reduce((size, axis) => size * axis, 1), 0);
    expect(all).toBeLessThan(1e6);
    expect(float.nodes.filter((node) => node.op === "activation").length).toBeGreaterThan(8);
  });

  it("refuses a name that is none, and a path that cannot be written, before it reads anything", async () => {
    const { message, remedy } = await failureOf("recipe", "fashion", "--out", "x.safetensors");
    expect(message).toContain("no recipe is called");
    expect(remedy).toContain("fashion-mnist");
    const { message: where } = await failureOf("recipe", "fashion-mnist", "--out", "/nowhere/x.safetensors");
    expect(where).toContain("/nowhere/x.safetensors cannot be written");
  });
});
