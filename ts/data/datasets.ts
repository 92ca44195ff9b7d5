/** The data sets that can be asked for by name. */
import { lookUp } from "../base/names.ts";
import { cifar10 } from "./cifar10.ts";
import { cifar100 } from "./cifar100.ts";
import type { Dataset, ImageSplit } from "./dataset.ts";
import { fashionMnist, mnist } from "./mnist.ts";
import type { DatasetOptions } from "./source.ts";

const LOADERS: Readonly<Record<string, (options?: DatasetOptions) => Promise<Dataset<ImageSplit>>>> = {
  mnist,
  "fashion-mnist": fashionMnist,
  cifar10,
  cifar100,
};

/** The names that {@link dataset} knows. */
export const datasetNames: readonly string[] = Object.keys(LOADERS);

/**
 * The data set called `name`. It throws the errors of its loader.
 *
 * @throws ProxbitError "unknown-name", with the nearest name, for another name.
 */
export async function dataset(name: string, options: DatasetOptions = {}): Promise<Dataset<ImageSplit>> {
  return lookUp("data set", name, LOADERS)(options);
}
