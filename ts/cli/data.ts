/** `--data`, `--data-dir` and `--limit`, read, and held against a network. */
import { ProxbitError } from "../errors.ts";
import type { Dataset, Split } from "../io/dataset.ts";
import { dataset } from "../io/datasets.ts";
import { take } from "../io/split.ts";
import type { DataOptions } from "./options.ts";

/**
 * The data set called `name`, each of its splits cut to `limit` images.
 *
 * @throws ProxbitError "unknown-name" with the nearest name, "data" where files are missing or malformed.
 */
export async function readData(name: string, { dataDir, limit }: DataOptions): Promise<Dataset> {
  const whole = await dataset(name, dataDir === undefined ? {} : { directory: dataDir });
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
