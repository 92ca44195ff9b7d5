/** A user's own pictures, from a folder to named answers, on the command line alone. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureOf, proxbit, resultOf } from "./cli-helpers.ts";
import { pngFile } from "./image-files.ts";

const CLASSES = ["blue", "green", "red"];
const IMAGES = 20;

let folder = "";
let photos = "";
let model = "";
let trained: Record<string, unknown> = {};

/** A photo of the class's colour, of a size of its own, brighter from left to right. */
async function photo(label: number, index: number): Promise<Uint8Array> {
  const [width, height] = [16 + index, 24 - (index % 7)];
  const paint = (x: number): readonly [number, number, number] => {
    const color = [2, 1, 0].map((at) => (at === label ? 120 + 5 * x : 40 + index));
    return color as unknown as readonly [number, number, number];
  };
  const png = pngFile(width, height, {}, paint);
  return index % 2 === 0 ? png : sharp(png).jpeg({ quality: 95 }).toBuffer();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxbit-photos-"));
  photos = join(folder, "photos");
  model = join(folder, "colours.safetensors");
  for (const [label, name] of CLASSES.entries()) {
    await mkdir(join(photos, name), { recursive: true });
    for (let index = 0; index < IMAGES; index++) {
      const ending = index % 2 === 0 ? "png" : "jpg";
      await writeFile(join(photos, name, `${index}.${ending}`), await photo(label, index));
    }
  }
  const settings = ["--image-size", "16", "--model", "small", "--epochs", "8", "--batch-size", "16", "--workers", "1"];
  trained = await resultOf(
    "train",
    "--data",
    photos,
    ...settings,
    "--no-soft",
    "--learning-rate",
    "0.02",
    "--out",
    model,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a folder of pictures", () => {
  it("is trained on, a share of each class kept for testing", () => {
    expect(trained).toMatchObject({ dataset: "photos", trainImages: 48, testImages: 12 });
    expect(trained.testAccuracy).toBe(1);
  });

  it("has its confusion matrix in the report, and drawn", async () => {
    const picture = join(folder, "confusion.svg");
    const { stdout } = await proxbit("eval", model, "--data", photos, "--picture", picture);
    expect(stdout).toContain(`picture`);
    expect(stdout).toMatch(/blue +4 █ +0 +0 +100\.0 %/);
    const drawn = await readFile(picture, "utf8");
    expect(drawn).toMatch(/^<svg .*<\/svg>\n$/s);
    for (const name of CLASSES) expect(drawn).toContain(`>${name}</text>`);
    const refused = await failureOf("eval", model, "--data", photos, "--picture", join(folder, "confusion.jpg"));
    expect(refused.message).toMatch(/--picture is .*confusion\.jpg, neither \.svg nor \.png/);
  });

  it("is evaluated with the file's own description of pictures, by the names of its classes", async () => {
    const result = await resultOf("eval", model, "--data", photos);
    expect(result).toMatchObject({ dataset: "photos", images: 12, testAccuracy: trained.testAccuracy });
    expect(result).toMatchObject({
      classes: CLASSES,
      confusion: [
        [4, 0, 0],
        [0, 4, 0],
        [0, 0, 4],
      ],
    });
    // Without blue, green is the folder's first class, but not the network's.
    const part = join(folder, "part", "photos");
    await mkdir(part, { recursive: true });
    for (const name of ["green", "red"]) await rename(join(photos, name), join(part, name));
    try {
      expect(await resultOf("eval", model, "--data", part)).toMatchObject({ images: 8, testAccuracy: 1 });
    } finally {
      for (const name of ["green", "red"]) await rename(join(part, name), join(photos, name));
    }
  });

  it("gets its answers by name", async () => {
    const { stdout } = await proxbit("predict", model, photos, "--top", "1", "--json");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.pop()).toMatchObject({ type: "result", images: 60, counts: { blue: 20, green: 20, red: 20 } });
    for (const { image, class: name } of lines) expect(image).toContain(join(photos, name));
  });
});

describe.concurrent("what can be wrong is said in the words of the command line", () => {
  const train = (...more: readonly string[]) => failureOf("train", "--out", join(folder, "none"), ...more);

  it.each([
    ["photos of several sizes", ["--data", "PHOTOS"], "the images have several sizes", "Add --image-size 64, for"],
    ["a share beside parts", ["--data", "PARTS", "--test-share", "0.5"], "--test-share is given", "Leave it out."],
    ["a share that is none", ["--data", "PHOTOS", "--test-share", "2"], "--test-share must be", "Give --test-share as"],
    ["a size that is none", ["--data", "PHOTOS", "--image-size", "3x4x5"], "--image-size must be", "Give --image-size"],
    ["channels that are none", ["--data", "PHOTOS", "--channels", "2"], "--channels", "1, 3"],
    ["a colour that is none", ["--data", "PHOTOS", "--background", "white"], "--background", "#ffffff"],
    ["a size for a named data set", ["--data", "mnist", "--image-size", "9"], "--image-size is for folders", "Leave"],
    [
      "a directory beside a path",
      ["--data", "PHOTOS", "--data-dir", "x"],
      "--data-dir is for data sets by name",
      "Leave",
    ],
    ["a path that is none", ["--data", "./photoz"], "./photoz: there is no such folder or file", "Give a folder"],
    ["a name that is none", ["--data", "cifer10"], 'no data set or folder is called "cifer10"', '"cifar10"?'],
  ])("%s", async (_title, args, message, remedy) => {
    const parts = join(folder, "parts");
    for (const part of ["train/a", "train/b", "test/a"]) {
      await mkdir(join(parts, part), { recursive: true });
      await writeFile(join(parts, part, "1.png"), pngFile(2, 2));
    }
    const found = await train(...args.map((word) => word.replace("PHOTOS", photos).replace("PARTS", parts)));
    expect(found.message).toContain(message);
    expect(found.remedy).toContain(remedy);
  });

  it("a model without a place for its data", async () => {
    const { message, remedy } = await failureOf("eval", model);
    expect(message).toBe("this model was trained on photos, which is no data set with a place of its own");
    expect(remedy).toBe("Add --data NAME or --data FOLDER.");
  });

  it("a class that the network does not know", async () => {
    const other = join(folder, "other", "photos");
    for (const name of ["blue", "yellow"]) {
      await mkdir(join(other, name), { recursive: true });
      for (const index of [1, 2]) await writeFile(join(other, name, `${index}.png`), pngFile(4, 4));
    }
    const { message, remedy } = await failureOf("eval", model, "--data", other);
    expect(message).toBe("photos has a class yellow, which the network does not know");
    expect(remedy).toBe("Give data of these classes: blue, green, red.");
  });
});
