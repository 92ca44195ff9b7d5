/** `--data`, `--data-dir`, `--data-url` and `--limit`, read, and held against a network. */
import { ProxbitError } from "../base/errors.ts";
import type { Dataset, ImageSplit, Split } from "../data/dataset.ts";
import { dataset } from "../data/datasets.ts";
import { take } from "../data/split.ts";
import type { DataOptions } from "./options.ts";
import { downloadProgress } from "./progress.ts";
import type { Context } from "./run.ts";

/**
 * The data set called `name`, each of its splits cut to `limit` images. A download, where it takes one, shows its progress.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "data" where files are missing or malformed, "aborted".
 */
export async function readData(
  name: string,
  { dataDir, dataUrl, limit }: DataOptions,
  context: Context,
): Promise<Dataset<ImageSplit>> {
  const progress = downloadProgress(context, name);
  const whole = await dataset(name, {
    directory: dataDir,
    downloadUrl: dataUrl,
    onDownload: progress.update,
    signal: context.signal,
  }).finally(progress.clear);
  return limit === undefined ? whole : { ...whole, train: take(whole.train, limit), test: take(whole.test, limit) };
}

/** @throws ProxbitError "shape" where a network for images of `inputShape` cannot take those of the data set `name`. */
export function checkImageShape(inputShape: readonly number[], { shape }: Split, name: string): void {
  if (shape.length === inputShape.length && shape.every((size, axis) => size === inputShape[axis])) return;
  throw new ProxbitError(
    "shape",
    `the network takes images of [${inputShape.join(", ")}], ${name} has [${shape.join(", ")}]`,
    "Give a data set and a network whose images have one shape, [height, width, channels].",
  );
}
