/** The command line at work. Files are the same every time, results agree, and ends leave nothing behind. */
import { once } from "node:events";
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkInFreshProcess, describeDisagreement } from "../scripts/demo-check.ts";
import { classify } from "../ts/cli/classify.ts";
import { mnist } from "../ts/data/mnist.ts";
import { load } from "../ts/inference/index.ts";
import { failureOf, jsonLines, outcome, proxbit, resultOf, start } from "./cli-helpers.ts";
import { pngFile } from "./image-files.ts";
import { withFolder } from "./io-helpers.ts";

const LIMIT = 256;
/** A network small enough for a test. Its module lies outside this package and imports it by its name. */
const NETWORK = `
import { layers, type ModelOptions, sequential } from "proxbit";

export default ({ inputShape = [28, 28, 1], classes = 10, weightQuantizer, activationQuantizer }: ModelOptions) =>
  sequential({ inputShape, name: "small" }, [
    layers.conv2d({ filters: 8, kernelSize: 3, strides: 2 }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 16, kernelSize: 3, weightQuantizer, activationQuantizer }),
    layers.maxPool2d(),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: classes, weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
  ]);
`;

let folder = "";
let network = "";
let model = "";
let trained: Record<string, unknown> = {};

const trainTo = (file: string, ...more: readonly string[]): readonly string[] => {
  const data = ["train", "--data", "mnist", "--limit", String(LIMIT), "--model", network, "--out", file];
  return [...data, "--epochs", "1", "--batch-size", "64", "--seed", "7", ...more];
};

async function writePng(path: string, width: number, height: number, gray: Uint8Array): Promise<void> {
  const paint = (x: number, y: number): readonly [number, number, number] => {
    const value = gray[y * width + x] ?? 0;
    return [value, value, value];
  };
  await writeFile(path, pngFile(width, height, {}, paint));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxbit-cli-"));
  network = join(folder, "network.ts");
  model = join(folder, "model.safetensors");
  await writeFile(network, NETWORK);
  trained = await resultOf(...trainTo(model, "--workers", "1"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("train", () => {
  it("says as its last JSON line what it trained and how good it is", async () => {
    expect(trained).toMatchObject({ dataset: "mnist", model: "small", quantizer: "bnn++", workers: 1, seed: 7 });
    expect(trained).toMatchObject({ trainImages: LIMIT, testImages: LIMIT, epochs: 1, file: model });
    expect(trained.testAccuracy).toBeGreaterThanOrEqual(0);
    expect(trained.testAccuracy).toBeLessThanOrEqual(1);
    expect(trained.packedBytes).toBe((await readFile(model)).length);
  });

  it("writes the same file, byte for byte, with two workers, and shows people the network first", () =>
    withFolder(async (place) => {
      const file = join(place, "again.safetensors");
      const { code, stdout, stderr } = await proxbit(...trainTo(file, "--workers", "2"));
      expect({ code, files: await readdir(place) }).toEqual({ code: 0, files: ["again.safetensors"] });
      expect(await readFile(file)).toEqual(await readFile(model));
      expect(stdout).toMatch(/^small\nlayer +output/);
      expect(stdout).toMatch(/\ntest accuracy +[\d.]+ % of 256 images, /);
      expect(stderr).toMatch(/^epoch 1\/1 {2}loss [\d.]+ {2}accuracy [\d.]+ % {2}test accuracy [\d.]+ %/m);
    }));

  it("writes another file for another seed", () =>
    withFolder(async (place) => {
      const file = join(place, "other.safetensors");
      await resultOf(...trainTo(file, "--seed", "8"));
      expect((await readFile(file)).equals(await readFile(model))).toBe(false);
    }));

  it("saves the run after Ctrl-C, exits with 130, and says the command that goes on to the same file", () =>
    withFolder(async (place) => {
      const file = join(place, "model.safetensors");
      const child = start(trainTo(file, "--epochs", "60", "--json"));
      const ended = outcome(child);
      for await (const line of createInterface(child.stdout ?? process.stdin)) if (line.includes('"step"')) break;
      child.kill("SIGINT");
      const { code, stderr } = await ended;
      expect({ code, files: await readdir(place) }).toEqual({ code: 130, files: ["model.safetensors.checkpoint"] });
      expect(stderr).toMatch(
        /stopping after this step.*\nerror: training .*was stopped; it is kept in .*\n {2}Go on with `/,
      );
      const command = /Go on with `node \S*main\.ts (.* --resume)`\./.exec(stderr)?.[1] ?? "";
      expect(jsonLines((await proxbit(...command.split(" "))).stdout)[1]).toMatchObject({ type: "start" });
      expect(await readdir(place)).toEqual(["model.safetensors"]);
      const whole = join(place, "whole.safetensors");
      await resultOf(...trainTo(whole, "--epochs", "60"));
      expect((await readFile(file)).equals(await readFile(whole))).toBe(true);
    }));

  it("goes on to its end when its reader goes away", () =>
    withFolder(async (place) => {
      const file = join(place, "model.safetensors");
      const child = start(trainTo(file, "--json"));
      let stderr = "";
      child.stderr?.on("data", (text) => {
        stderr += text;
      });
      child.stdout?.once("data", () => child.stdout?.destroy());
      const [code] = await once(child, "close");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect((await readFile(file)).equals(await readFile(model))).toBe(true);
    }));

  it("goes on to its end when its output is full, which its exit code tells", () =>
    withFolder(async (place) => {
      const file = join(place, "model.safetensors");
      const full = await open("/dev/full", "w");
      const child = start(trainTo(file, "--json"), ["ignore", full.fd, "pipe"]);
      const { code, stderr } = await outcome(child);
      await full.close();
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("not written whole (ENOSPC)") });
      expect((await readFile(file)).equals(await readFile(model))).toBe(true);
    }));
});

describe("the packed file", () => {
  it("is as good by eval as the trainer said", async () => {
    const result = await resultOf("eval", model, "--data", "mnist", "--limit", String(LIMIT));
    expect(result.testAccuracy).toBe(trained.testAccuracy);
    expect(result).toMatchObject({ dataset: "mnist", images: LIMIT, packedBytes: trained.packedBytes });
    expect(result.floatBytes).toBe(trained.floatBytes);
    expect(result.latencyMs).toBeGreaterThan(0);
    expect(result.kernel).toBeTypeOf("string");
    expect(result.variant).toBeTypeOf("string");
  });

  it("names a class for a PNG, with probabilities", async () => {
    const { test } = await mnist();
    const image = join(folder, "seven.png");
    await writePng(image, 28, 28, test.images.subarray(0, 784));
    const { probabilities, index, class: name } = await resultOf("predict", model, image);
    const shares = probabilities as readonly number[];
    expect(shares).toHaveLength(10);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 10);
    expect(shares[index as number]).toBe(Math.max(...shares));
    const { stdout } = await proxbit("predict", model, image);
    expect(stdout.split("\n")).toHaveLength(12);
    expect(stdout).toMatch(new RegExp(`^${name}\n`));
    expect(stdout).toMatch(new RegExp(`\n> ${name} {2}.* %\n`));
  });

  it("names a class for each of many images, in folders and on standard input, of any size", async () => {
    const photos = join(folder, "photos", "deeper");
    await mkdir(photos, { recursive: true });
    await writeFile(
      join(photos, "b.png"),
      pngFile(40, 20, {}, () => [9, 200, 30]),
    );
    await writeFile(join(photos, "a.png"), pngFile(20, 40));
    await writeFile(join(photos, "notes.txt"), "no image");
    const child = start(
      ["predict", model, join(folder, "photos"), "-", "--top", "2", "--json"],
      ["pipe", "pipe", "pipe"],
    );
    child.stdin?.end(pngFile(28, 28));
    const { stdout, stderr, code } = await outcome(child);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    const [a, b, piped, result] = jsonLines(stdout);
    expect([a, b, piped].map((line) => line?.image)).toEqual([join(photos, "a.png"), join(photos, "b.png"), "-"]);
    expect(a).toMatchObject({ type: "prediction", class: expect.any(String), top: [{ index: a?.index }, {}] });
    expect(piped?.probability).toBe(a?.probability);
    expect(result).toMatchObject({ type: "result", images: 3 });
    const { stdout: text } = await proxbit("predict", model, join(folder, "photos"));
    expect(text).toMatch(/^image +class +probability +then\n─+\n.*a\.png +\S.* % {2}.* %, .* %\n.*b\.png/);
  });

  it("names any number of classes for images that may show several", async () => {
    const photos = join(folder, "several");
    await mkdir(photos);
    for (const name of ["a.png", "b.png"]) await writeFile(join(photos, name), pngFile(28, 28));
    const many = ["--labels", "many", "--threshold"] as const;
    const one = await resultOf("predict", model, join(photos, "a.png"), ...many, "0");
    expect(one.labels).toHaveLength(10);
    expect((one.labels as readonly unknown[])[0]).toEqual((one.top as readonly unknown[])[0]);
    const { stdout: none } = await proxbit("predict", model, join(photos, "a.png"), ...many, "1");
    expect(none).toMatch(/^-\n {2}0 /);
    const all = await resultOf("predict", model, photos, ...many, "0");
    expect(Object.values(all.counts as Record<string, number>)).toEqual(Array(10).fill(2));
    const { stdout: text } = await proxbit("predict", model, photos, ...many, "0");
    expect(text).toMatch(/^image +classes\n─+\n.*a\.png +\S+ [\d.]+ %, .*\n.*b\.png/);
    const refused = await failureOf("predict", model, photos, "--threshold", "0.5");
    expect(refused).toMatchObject({ message: expect.stringMatching(/^--threshold is for/) });
  });

  it("is explained layer by layer", async () => {
    const result = await resultOf("explain", model);
    const layers = result.layers as readonly { readonly node: string; readonly product: string | null }[];
    const products = layers.filter(({ product }) => product !== null).map(({ node, product }) => `${node} ${product}`);
    expect(products).toEqual(["conv2d ff", "binary_conv2d bb", "binary_dense bb"]);
    expect(result.metadata).toMatchObject({ dataset: "mnist", weightQuantizer: "bnn++", epochs: "1", seed: "7" });
  });
});

describe("explain and profile", () => {
  interface Row {
    readonly node: string;
    readonly forward: { readonly product: string; readonly kernel: string } | null;
  }
  const productsOf = (result: Record<string, unknown>): readonly string[] =>
    (result.layers as readonly Row[]).flatMap(({ node, forward }) => (forward ? [`${node} ${forward.product}`] : []));
  const sumOf = (shares: unknown): number =>
    Object.values(shares as Record<string, number>).reduce((sum, part) => sum + part, 0);

  it("explains a network by its name, with other images, as it trains and hardened", async () => {
    const shape = ["--input-shape", "20x18x3", "--classes", "7", "--workers", "1", "--batch-size", "16"];
    const soft = await resultOf("explain", "cnn", ...shape);
    const hard = await resultOf("explain", "cnn", ...shape, "--progress", "1");
    expect(soft).toMatchObject({ model: "cnn", batchSize: 16, workers: 1, progress: 0 });
    const [binary, dense] = ["binary_conv2d", "binary_dense"];
    expect(productsOf(soft)).toEqual(["conv2d ff", `${binary} fb`, `${binary}_1 fb`, `${dense} fb`, "dense ff"]);
    expect(productsOf(hard)).toEqual(["conv2d ff", `${binary} bb`, `${binary}_1 bb`, `${dense} bb`, "dense ff"]);
    expect(soft).not.toHaveProperty("profile");
    const real = await resultOf("explain", "cnn", "--quantizer", "none", "--activation-quantizer", "none");
    expect(new Set(productsOf(real).map((product) => product.split(" ")[1]))).toEqual(new Set(["ff"]));
  });

  it("explains a network with options behind its name", async () => {
    const { layers: rows } = await resultOf(
      "explain",
      "vit28:depth=2,block=binaryvit,matrix=boolean",
      "--workers",
      "1",
    );
    const kinds = (rows as readonly { readonly op: string }[]).map(({ op }) => op);
    expect(kinds.filter((op) => op === "attention")).toHaveLength(2);
    expect(kinds).toContain("layerScale");
    expect(JSON.stringify(rows)).toContain("boolean");
  });

  it("explains a residual network with the layers of ReActNet", async () => {
    const shape = ["--input-shape", "8x8x1", "--workers", "1", "--batch-size", "2"];
    const { layers: rows } = await resultOf("explain", "resnet20", ...shape, "--reactnet");
    const ops = (rows as readonly { readonly op: string }[]).map(({ op }) => op);
    expect(ops.filter((op) => op === "prelu")).toHaveLength(18);
    expect(ops.filter((op) => op === "shift")).toHaveLength(54);
  });

  it("explains a network under a task, its ends binary too", async () => {
    const shape = ["--input-shape", "12x12x1", "--workers", "1", "--batch-size", "4", "--progress", "1"];
    const narrow = await resultOf("explain", "cnn", ...shape, "--task", "BWAA", "--binary-stem", "--binary-head");
    const kernels = (narrow.layers as readonly { readonly forward: { readonly kernel: string } | null }[]).flatMap(
      ({ forward }) => forward?.kernel ?? [],
    );
    expect(kernels).toEqual(["fb_sign_conv", ...Array(4).fill("bb_accumulate8_conv")]);
    const weights = await resultOf("explain", "cnn", ...shape, "--task", "bw");
    // The third has three pixels a row, too few for tables. So have vectors.
    expect(productsOf(weights).map((product) => product.split(" ")[1])).toEqual(["ff", "fb", "ff", "ff", "ff"]);
    const activations = await resultOf("explain", "cnn", ...shape, "--task", "ba");
    const [, ...middle] = productsOf(activations).map((product) => product.split(" ")[1]);
    expect(middle).toEqual(["fb", "fb", "fb", "ff"]);
  });

  it("measures a module's network on request, and prints tables for people", async () => {
    const { profile } = await resultOf("explain", network, "--profile", "--batch-size", "8", "--workers", "1");
    expect(profile).toMatchObject({ batchSize: 8, workers: 1, shares: { waiting: expect.any(Number) } });
    expect(sumOf((profile as { shares: unknown }).shares)).toBeCloseTo(1, 6);
    const { code, stdout, stderr } = await proxbit("explain", network, "--profile", "--batch-size", "8");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^small: a step of 8 images at 0\.0 % of the run, core /);
    expect(stdout).toMatch(/\nnot on the fast path:\n {2}conv2d: real weights and activations\n/);
    expect(stdout).toMatch(/\nlayer +forward +filter grad +input grad +lanes +update +total\n/);
  });

  it("train smooths labels on request: the losses of steps are others from the first on", () =>
    withFolder(async (place) => {
      const lossOf = async (...more: readonly string[]): Promise<unknown> => {
        const { stdout } = await proxbit(...trainTo(join(place, "smoothed.safetensors"), "--json", ...more));
        return jsonLines(stdout).find(({ type }) => type === "step")?.loss;
      };
      const [plain, smoothed] = [await lossOf(), await lossOf("--label-smoothing", "0.5")];
      expect(plain).toEqual(expect.any(Number));
      expect(smoothed).toEqual(expect.any(Number));
      expect(smoothed).not.toBe(plain);
    }));

  it("train --profile shows both before the first step, and trains the same network", () =>
    withFolder(async (place) => {
      const file = join(place, "profiled.safetensors");
      const { code, stdout } = await proxbit(...trainTo(file, "--profile", "--json"));
      expect(code).toBe(0);
      const lines = jsonLines(stdout);
      const types = [...new Set(lines.map(({ type }) => type))];
      expect(types).toEqual(["network", "start", "explanation", "profile", "step", "epoch", "result"]);
      expect(lines.find(({ type }) => type === "explanation")).toMatchObject({ batchSize: 64 });
      expect(sumOf(lines.find(({ type }) => type === "profile")?.shares)).toBeCloseTo(1, 6);
      expect(await readFile(file)).toEqual(await readFile(model));
    }));
});

describe("the demo's check", () => {
  it("runs the packed file in a fresh process and names the first image that differs", async () => {
    const { test } = await mnist();
    const predictions = await classify(await load(await readFile(model)), test.images);
    const images = test.count;
    const agreeing = await checkInFreshProcess(model, predictions, new AbortController().signal);
    expect(agreeing).toMatchObject({ images, agrees: images, first: null });
    expect(describeDisagreement(agreeing)).toBeUndefined();
    const said = predictions[41] ?? 0;
    predictions[41] = said + 1;
    predictions[977] = 255;
    const differing = await checkInFreshProcess(model, predictions, new AbortController().signal);
    const first = { image: 41, expected: said + 1, predicted: said };
    expect(differing).toMatchObject({ images, agrees: images - 2, first, accuracy: agreeing.accuracy });
    expect(describeDisagreement(differing)).toContain(
      `disagree on 2 of ${images} images; the first is test image 41: the trainer says ${said + 1}, the file ${said}`,
    );
  });
});

describe.concurrent("what a file or an image can have wrong is one readable line, a remedy and exit code 2", () => {
  it("an image cut short", async () => {
    const image = join(folder, "short.png");
    await writeFile(image, pngFile(8, 9).subarray(0, -1));
    expect(await failureOf("predict", model, image)).toEqual({
      message: `${image} ends before its last chunk`,
      remedy: "Save or copy the image again.",
    });
  });

  it("an image that is missing, a folder without images", async () => {
    const image = join(folder, "none.png");
    expect((await failureOf("predict", model, image)).message).toBe(`${image} cannot be read: there is no such file`);
    const empty = join(folder, "empty");
    await mkdir(empty);
    expect((await failureOf("predict", model, empty)).message).toBe(`${empty} has no PNG, JPEG or WebP in it`);
  });

  it("one image of several, behind the answers for those before it", async () => {
    const [good, bad] = [join(folder, "good.png"), join(folder, "bad.png")];
    await writePng(good, 28, 28, new Uint8Array(28 * 28));
    await writeFile(bad, "no image");
    const { code, stdout, stderr } = await proxbit("predict", model, good, bad, good);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error: .*bad\.png/) });
    expect(stdout.match(/good\.png/g)).toHaveLength(1);
  });

  it("an image that is none", async () => {
    expect((await failureOf("predict", model, network)).message).toContain("is no PNG, JPEG or WebP");
  });

  it("a model file cut short", async () => {
    const cut = join(folder, "cut.safetensors");
    const bytes = await readFile(model);
    await writeFile(cut, bytes);
    await truncate(cut, bytes.length - 5);
    expect((await failureOf("eval", cut, "--data", "mnist")).message).toContain(`${cut}: `);
  });

  it("a file that is no model", async () => {
    const file = join(folder, "none.safetensors");
    await writeFile(file, NETWORK);
    expect((await failureOf("explain", file)).message).toContain(`${file}: `);
  });

  it("and under --json a line of its own", async () => {
    const file = join(folder, "nothing.safetensors");
    await writeFile(file, "");
    const { code, stdout } = await proxbit("explain", file, "--json");
    expect(code).toBe(2);
    expect(jsonLines(stdout)).toMatchObject([{ type: "error", code: "model-file" }]);
  });
});
