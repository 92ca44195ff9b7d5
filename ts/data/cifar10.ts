/** CIFAR-10 (Krizhevsky, 2009) in its binary layout: 50,000 + 10,000 colour images of 32 x 32 in ten classes. */
import { ProxbitError } from "../base/errors.ts";
import { readRecords } from "./cifar.ts";
import type { Dataset, ImageSplit } from "./dataset.ts";
import type { DatasetOptions, Source } from "./source.ts";
import { checkedOptions, readRequired, refuseDownload, sourceOf } from "./source.ts";

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

const REMEDY = `Unpack the binary version of CIFAR-10 (${FOLDER}) and pass its directory or baseUrl.`;

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
  refuseDownload("cifar10", checkedOptions(options));
  const source = sourceOf(options);
  if (source === undefined)
    throw new ProxbitError("data", "no package carries CIFAR-10: its place must be given", REMEDY);
  const folder = await folderOf(source);
  const files = new Map<string, Uint8Array>();
  for (const name of TRAIN_FILES) files.set(name, await readRequired(source, `${folder}${name}`, REMEDY));
  const test = await readRequired(source, `${folder}${TEST_FILE}`, REMEDY);
  const part = (records: ReadonlyMap<string, Uint8Array>) => readRecords(records, 1, CLASSES.length, REMEDY);
  return { name: "cifar10", classes: CLASSES, train: part(files), test: part(new Map([[TEST_FILE, test]])) };
}
