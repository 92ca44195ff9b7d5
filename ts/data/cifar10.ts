/**
 * CIFAR-10 (Krizhevsky, 2009) in its binary layout: 50,000 + 10,000 colour images of 32 x 32 in ten classes.
 *
 * Each file is a row of records of 3,073 bytes. A record is the label, then 1,024 bytes each of red, green and blue,
 * row by row. The planes are woven into NHWC here.
 */
import { ProxbitError } from "../base/errors.ts";
import type { Dataset, ImageSplit } from "./dataset.ts";
import type { DatasetOptions, Source } from "./source.ts";
import { readRequired, refuseDownload, sourceOf } from "./source.ts";
import { split } from "./split.ts";

const CLASSES: readonly string[] = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];
const FOLDER = "cifar-10-batches-bin";
const TRAIN_FILES: readonly string[] = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
const TEST_FILE = "test_batch.bin";
const PIXELS = 32 * 32;
const RECORD = 1 + 3 * PIXELS;

const REMEDY = `Unpack the binary version of CIFAR-10 (${FOLDER}) and pass its directory or baseUrl.`;

function weave(files: ReadonlyMap<string, Uint8Array>): ImageSplit {
  let count = 0;
  for (const [name, bytes] of files) {
    if (bytes.length === 0 || bytes.length % RECORD !== 0) {
      throw new ProxbitError(
        "data",
        `${name} has ${bytes.length} bytes, which is no number of records of ${RECORD}`,
        REMEDY,
      );
    }
    count += bytes.length / RECORD;
  }
  const images = new Uint8Array(count * 3 * PIXELS);
  const labels = new Uint8Array(count);
  let image = 0;
  let out = 0;
  for (const bytes of files.values()) {
    for (let record = 0; record < bytes.length; record += RECORD) {
      labels[image++] = bytes[record] ?? 0;
      for (let pixel = record + 1; pixel <= record + PIXELS; pixel++) {
        images[out++] = bytes[pixel] ?? 0;
        images[out++] = bytes[pixel + PIXELS] ?? 0;
        images[out++] = bytes[pixel + 2 * PIXELS] ?? 0;
      }
    }
  }
  return split(images, labels, [32, 32, 3], { classes: CLASSES.length });
}

/** The files may lie in the place that is named or in the folder that the archive unpacks to. */
async function folderOf(source: Source): Promise<string> {
  return (await source.read(TEST_FILE)) === undefined ? `${FOLDER}/` : "";
}

/**
 * CIFAR-10: photographs, 32 x 32 x 3, bytes scaled to [-1, 1]. `directory` or `baseUrl` is needed.
 *
 * @throws ProxbitError "data" where a file is missing or malformed, or no place is given.
 */
export async function cifar10(options: DatasetOptions = {}): Promise<Dataset<ImageSplit>> {
  refuseDownload("cifar10", options);
  const source = sourceOf(options);
  if (source === undefined)
    throw new ProxbitError("data", "no package carries CIFAR-10: its place must be given", REMEDY);
  const folder = await folderOf(source);
  const files = new Map<string, Uint8Array>();
  for (const name of TRAIN_FILES) files.set(name, await readRequired(source, `${folder}${name}`, REMEDY));
  const test = await readRequired(source, `${folder}${TEST_FILE}`, REMEDY);
  return { name: "cifar10", classes: CLASSES, train: weave(files), test: weave(new Map([[TEST_FILE, test]])) };
}
