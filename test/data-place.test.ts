/** Folders whose files tell what they are: idx of any size, CIFAR, pictures; and archives. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { dataAt } from "../ts/data/files/place.ts";
import { cifar100, dataset, idxFolder } from "../ts/data/index.ts";
import { pngFile } from "./image-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";

function idx(dimensions: readonly number[], data: ArrayLike<number>): Uint8Array {
  const header = dimensions.flatMap((size) => [0, 0, size >> 8, size & 255]);
  return Uint8Array.from([0, 0, 8, dimensions.length, ...header, ...Array.from(data)]);
}

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, index) => index % 251);

async function writeIdx(folder: string, axes: readonly number[] = []): Promise<void> {
  const size = [5, 7, ...axes].reduce((product, axis) => product * axis);
  await writeFile(join(folder, "letters-train-images-idx3-ubyte"), idx([3, 5, 7, ...axes], bytes(3 * size)));
  await writeFile(join(folder, "letters-train-labels-idx1-ubyte.gz"), gzipSync(idx([3], [0, 4, 1])));
  await writeFile(
    join(folder, "letters-test-images-idx3-ubyte.gz"),
    gzipSync(idx([2, 5, 7, ...axes], bytes(2 * size))),
  );
  await writeFile(join(folder, "letters-test-labels-idx1-ubyte"), idx([2], [3, 0]));
}

describe("idxFolder", () => {
  it("reads images of any size, plain or packed, under names with a prefix", () =>
    withFolder(async (folder) => {
      await writeIdx(folder);
      const { classes, train, test } = await idxFolder(folder);
      expect([train.shape, train.count, test.count]).toEqual([[5, 7, 1], 3, 2]);
      expect([[...train.labels], [...test.labels]]).toEqual([
        [0, 4, 1],
        [3, 0],
      ]);
      expect(train.images).toEqual(bytes(105));
      expect(classes).toEqual(["0", "1", "2", "3", "4"]);
      await writeIdx(folder, [3]);
      expect((await idxFolder(folder)).train.shape).toEqual([5, 7, 3]);
    }));

  it("refuses files that are missing, there twice, or do not fit", () =>
    withFolder(async (folder) => {
      expect((await rejected("data", idxFolder(folder))).message).toContain("no file of train-images-idx");
      await writeIdx(folder);
      await writeFile(join(folder, "letters-test-labels-idx1-ubyte"), idx([3], [3, 0, 1]));
      expect((await rejected("data", idxFolder(folder))).message).toMatch(/is of 2 x 5 x 7, .* has 3 labels$/);
      await writeFile(join(folder, "digits-train-images-idx3-ubyte"), idx([1, 1, 1], [1]));
      expect((await rejected("data", idxFolder(folder))).message).toContain("several files (");
      await rejected("data", idxFolder(join(folder, "none")));
    }));
});

describe("cifar100", () => {
  const record = (coarse: number, fine: number): readonly number[] => [coarse, fine, ...bytes(3072)];

  it("reads the fine classes, pixels woven", () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, "cifar-100-binary"));
      await writeFile(
        join(folder, "cifar-100-binary", "train.bin"),
        Uint8Array.from([...record(1, 99), ...record(19, 0)]),
      );
      await writeFile(join(folder, "cifar-100-binary", "test.bin"), Uint8Array.from(record(0, 42)));
      const { classes, train, test } = await cifar100({ directory: folder });
      expect([classes.length, new Set(classes).size, classes[0], classes[99]]).toEqual([100, 100, "apple", "worm"]);
      expect([[...train.labels], [...test.labels], train.shape]).toEqual([[99, 0], [42], [32, 32, 3]]);
      const pixels = bytes(3072);
      expect([...train.images.subarray(0, 6)]).toEqual([0, 1024, 2048, 1, 1025, 2049].map((at) => pixels[at]));
      expect((await dataset("cifar100", { directory: folder })).test).toEqual(test);
      expect((await dataAt(folder, {})).test).toEqual(test);
    }));

  it("refuses a class that there is not, a record cut short, and no place", () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "train.bin"), Uint8Array.from(record(0, 100)));
      await writeFile(join(folder, "test.bin"), Uint8Array.from(record(0, 1)));
      expect((await rejected("data", cifar100({ directory: folder }))).message).toContain("is 100");
      await writeFile(join(folder, "train.bin"), Uint8Array.from(record(0, 1)).subarray(1));
      expect((await rejected("data", cifar100({ directory: folder }))).message).toContain("records of 3074");
      expect((await rejected("data", cifar100())).remedy).toContain("cifar-100-binary");
    }));
});

describe("a path", () => {
  it.each([{ size: 7 }, { channels: 1 }, { fit: "fill" }, { background: "#000000" }, { test: 0.5 }] as const)(
    "of numbers refuses %o",
    (options) =>
      withFolder(async (folder) => {
        await writeIdx(folder);
        const archive = join(folder, "it.npz");
        await writeFile(archive, "");
        const [key] = Object.keys(options) as [string];
        const { message } = await rejected("argument", dataAt(folder, options));
        expect(message).toBe(`${key} is for folders of images, and ${folder} is none`);
        if (key !== "test") await rejected("argument", dataAt(archive, options));
        const input = { height: 9, width: 9, channels: 1, fit: "cover", background: "#ffffff" } as const;
        expect(await dataAt(folder, {}, input)).toEqual(await idxFolder(folder));
      }),
  );

  it("is told by the files in it", () =>
    withFolder(async (folder) => {
      await writeIdx(folder);
      expect(await dataAt(folder, {})).toEqual(await idxFolder(folder));
      const photos = join(folder, "photos");
      for (const name of ["a", "b"]) {
        await mkdir(join(photos, name), { recursive: true });
        for (const index of [1, 2]) await writeFile(join(photos, name, `${index}.png`), pngFile(2, 2));
      }
      expect((await dataAt(photos, { size: 3 })).train.shape).toEqual([3, 3, 3]);
      await rejected("data", dataAt(join(folder, "none"), {}));
      const { message } = await rejected("data", dataAt(join(photos, "a", "1.png"), {}));
      expect(message).toMatch(/1\.png is neither a folder nor an npz file$/);
    }));
});
