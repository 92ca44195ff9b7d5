/** Folders of pictures as data sets: classes, parts, sizes, and everything that can be wrong with them. */
import files, { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { imageFilesIn } from "../ts/data/files/pictures.ts";
import { type ImageFolderOptions, imageFolder } from "../ts/data/index.ts";
import { pngFile } from "./image-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";

/** Writes a PNG of one gray a path: the number is its gray. */
async function write(root: string, files: Readonly<Record<string, number>>, width = 4, height = 4): Promise<void> {
  for (const [name, gray] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(
      path,
      pngFile(width, height, {}, () => [gray, gray, gray]),
    );
  }
}

/** `count` files of each class; their grays are 0, 1, 2 … in the order of names. */
function numbered(classes: readonly string[], count: number): Readonly<Record<string, number>> {
  const names = classes.flatMap((name) => Array.from({ length: count }, (_, index) => `${name}/${index}.png`));
  return Object.fromEntries(names.map((name, gray) => [name, gray]));
}

const graysOf = ({ images, count }: { readonly images: Uint8Array; readonly count: number }): readonly number[] =>
  Array.from({ length: count }, (_, index) => images[(index * images.length) / count] as number);

const refused = async (files: Readonly<Record<string, number>>, options: unknown = {}) =>
  withFolder(async (root) => {
    await write(root, files);
    return rejected("data", imageFolder(root, options as ImageFolderOptions));
  });

describe("imageFolder", () => {
  it("keeps a share of each class for testing, and mixes the classes", () =>
    withFolder(async (root) => {
      await write(root, numbered(["dog", "cat"], 10));
      await writeFile(join(root, "cat", "notes.txt"), "no image");
      await write(join(root, ".cache"), { "thumbnail.png": 9 });
      const { name, classes, train, test, input } = await imageFolder(root);
      expect({ name, classes }).toEqual({ name: root.split("/").at(-1), classes: ["cat", "dog"] });
      expect([train.count, test.count, train.shape]).toEqual([16, 4, [4, 4, 3]]);
      expect(test.labels.filter((label) => label === 0)).toHaveLength(2);
      const grays = [...graysOf(train), ...graysOf(test)];
      expect(grays.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, gray) => gray));
      // Dogs were written first, so their grays are below 10.
      expect([...train.labels]).toEqual(graysOf(train).map((gray) => Number(gray < 10)));
      expect(new Set(train.labels.subarray(0, 6)).size).toBe(2);
      expect(input).toEqual({ fit: "cover", background: "#ffffff" });
    }));

  it("is a function of names and seed", () =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 10));
      const [first, again, other] = await Promise.all([{}, { seed: 0 }, { seed: 1 }].map((o) => imageFolder(root, o)));
      expect(again).toEqual(first);
      expect(graysOf(other?.train ?? { images: new Uint8Array(), count: 0 })).not.toEqual(
        graysOf(first?.train as never),
      );
      const tested = (data: typeof first) => graysOf(data?.test as never).toSorted((a, b) => a - b);
      expect(tested(other)).not.toEqual(tested(first));
      expect(tested(first)).not.toEqual([0, 1, 10, 11]);
      const limited = await imageFolder(root, { limit: 5 });
      expect(graysOf(limited.train)).toEqual(graysOf(first?.train as never).slice(0, 5));
      expect(limited.test.count).toBe(4);
    }));

  it.each(["test", "val", "validation"])("takes train and %s beside each other", (folder) =>
    withFolder(async (root) => {
      await write(join(root, "train"), numbered(["a", "b"], 3));
      await write(join(root, folder), { "b/x.png": 77 });
      const { train, test, classes } = await imageFolder(root);
      expect([train.count, test.count, classes]).toEqual([6, 1, ["a", "b"]]);
      expect([graysOf(test), [...test.labels]]).toEqual([[77], [1]]);
    }),
  );

  it("resizes to the size that is given, in gray or colour, and tells its progress", () =>
    withFolder(async (root) => {
      await write(root, { "a/1.png": 10, "a/2.png": 10 }, 8, 4);
      await write(root, { "b/1.png": 20, "b/2.png": 20 }, 3, 9);
      const told: string[] = [];
      const options = { size: [5, 6], channels: 1, fit: "fill", background: "#000000", decoder: "javascript" } as const;
      const onProgress = ({ read, of }: { readonly read: number; readonly of: number }) => told.push(`${read}/${of}`);
      const { train, input } = await imageFolder(root, { ...options, onProgress });
      expect(train.shape).toEqual([5, 6, 1]);
      expect(new Set(train.images)).toEqual(new Set([10, 20]));
      expect(told).toEqual(["1/4", "2/4", "3/4", "4/4"]);
      expect(input).toEqual({ fit: "fill", background: "#000000" });
      expect((await imageFolder(root, { size: 2 })).train.shape).toEqual([2, 2, 3]);
      const { message } = await rejected("data", imageFolder(root));
      expect(message).toMatch(/^the images have several sizes: .*\.png is \d x \d, .*\.png is \d x \d$/);
    }));

  it("refuses folders that make no data set", async () => {
    expect((await refused({})).message).toMatch(/ has no folder in it, and each class needs one$/);
    expect((await refused({ "a/1.png": 1 })).message).toMatch(/ has one folder, a in it, and each class needs one$/);
    expect((await refused({ "a/1.png": 1, "a/2.png": 1, "b/1.png": 1 })).message).toContain("too few images to keep");
    expect((await refused({ "a/1.png": 1, "a/2.png": 1, "b/1.gif": 1 })).message).toContain(
      "b has no PNG, JPEG or WebP",
    );
    const parts = { "train/a/1.png": 1, "train/b/1.png": 1, "test/c/1.png": 1 };
    expect((await refused(parts)).message).toMatch(/test has a class c, unlike train$/);
    const large = numbered(["a", "b"], 3);
    expect((await refused(large, { size: 16384 })).message).toContain("at most 2147483648 are kept in memory");
    await rejected("data", imageFolder("/no/such/folder"));
  });

  it("names the picture that is damaged, the first in its order", () =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 3));
      await writeFile(join(root, "b", "1.png"), pngFile(4, 4).subarray(0, 50));
      for (const decoder of ["sharp", "javascript"] as const) {
        const { message } = await rejected("image", imageFolder(root, { size: 4, decoder }));
        expect(message).toContain(join(root, "b", "1.png"));
      }
    }));

  it("follows links to folders and pictures", () =>
    withFolder(async (root) => {
      await write(root, { ...numbered(["elsewhere/a"], 3), ...numbered(["photos/b", "more"], 2) });
      await symlink(join(root, "elsewhere", "a"), join(root, "photos", "a"));
      await symlink(join(root, "more"), join(root, "photos", "b", "more"));
      await write(root, { "single/0.png": 3 });
      await symlink(join(root, "single", "0.png"), join(root, "photos", "b", "another.png"));
      const { classes, train, test } = await imageFolder(join(root, "photos"));
      expect([classes, train.count + test.count]).toEqual([["a", "b"], 3 + 2 + 2 + 1]);
    }));

  it.each([
    ["itself", ".", /again is the same folder as .*, which is read already$/],
    ["the folder that holds it", "..", /again.* is the same folder as .*, which is read already$/],
    ["another class", "../b", /b is the same folder as .*, which is read already$/],
    ["nowhere", "gone", /again is a link that leads nowhere \(ENOENT\)$/],
    ["a link to itself", "again", /again is a link that leads nowhere \(ELOOP\)$/],
  ])("refuses a link in a class to %s", (_name, target, message) =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 3));
      await symlink(target, join(root, "a", "again"));
      expect((await rejected("data", imageFolder(root))).message).toMatch(message);
    }),
  );

  it.each([
    ["a class", "../train/a", "test/b", /test\/b is the same folder as .*train\/a, which is read already$/],
    ["a picture", "../../train/a/0.png", "test/a/9.png", /9\.png is the same picture as .*train\/a\/0\.png, which is/],
  ])("refuses a link from the test to %s that is trained on", (_name, target, link, message) =>
    withFolder(async (root) => {
      await write(join(root, "train"), numbered(["a", "b"], 3));
      await write(join(root, "test"), { "a/1.png": 1 });
      await symlink(target, join(root, link));
      expect((await rejected("data", imageFolder(root))).message).toMatch(message);
    }),
  );

  it("refuses a picture that stands in two places", () =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 3));
      await symlink("0.png", join(root, "a", "again.png"));
      expect((await rejected("data", imageFolder(root))).message).toContain("again.png is the same picture as");
    }));

  it("keeps the choice of what tests, but for one of each class, when a picture comes to each", () =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 30));
      const before = await imageFolder(root, { limit: 8 });
      const all = await imageFolder(root);
      await write(root, { "a/x.png": 200, "b/x.png": 201 });
      const after = await imageFolder(root);
      const gone = (one: typeof all, other: typeof all) =>
        graysOf(one.test).filter((gray) => !graysOf(other.test).includes(gray)).length;
      expect([all.test.count, after.test.count]).toEqual([12, 12]);
      expect(gone(all, after)).toBeLessThanOrEqual(2);
      expect(gone(before, await imageFolder(root, { limit: 8 }))).toBeLessThanOrEqual(2);
    }));

  it("refuses two folders for testing beside train", () =>
    withFolder(async (root) => {
      for (const part of ["train", "val", "test"]) await write(join(root, part), numbered(["a", "b"], 1));
      expect((await rejected("data", imageFolder(root))).message).toMatch(/has two folders for testing, test and val$/);
    }));

  it("finds more pictures in a folder of a folder than a call takes arguments", () =>
    withFolder(async (root) => {
      await write(root, { "in/0.png": 1 });
      const file = { isDirectory: () => false, isSymbolicLink: () => false };
      const names = Array.from({ length: 150_000 }, (_, index) => ({ ...file, name: `${index}.png` }));
      const readdir = files.readdir;
      const spy = vi
        .spyOn(files, "readdir")
        .mockImplementation((async (path: string) =>
          path.endsWith("in") ? names : readdir(path, { withFileTypes: true })) as never);
      expect(await imageFilesIn(root)).toHaveLength(150_000);
      spy.mockRestore();
    }));

  it("stops by the signal", () =>
    withFolder(async (root) => {
      await write(root, numbered(["a", "b"], 3));
      const stop = new AbortController();
      const reading = imageFolder(root, { size: 4, signal: stop.signal, onProgress: () => stop.abort() });
      await rejected("aborted", reading);
    }));

  it.each([
    { size: 0 },
    { size: [1, 2, 3] },
    { size: "64" },
    { channels: 2 },
    { fit: "crop" },
    { background: "white" },
    { test: 1 },
    { seed: -1 },
    { limit: 0 },
    { decoder: "gpu" },
    { sizes: 3 },
  ])("refuses the options %o", async (options) => {
    await rejected("argument", imageFolder("photos", options as unknown as ImageFolderOptions));
  });

  it("refuses a share for testing where a folder is there for it", () =>
    withFolder(async (root) => {
      await write(root, { "train/a/1.png": 1, "train/b/1.png": 1, "test/a/1.png": 1 });
      await rejected("argument", imageFolder(root, { test: 0.5 }));
    }));
});
