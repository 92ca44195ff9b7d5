/**
 * `proxbit/data`: labelled images in memory.
 *
 * ```ts
 * import { mnist, take } from "proxbit/data";
 * const digits = await mnist();
 * console.log(digits.train.count, digits.classes, take(digits.test, 100).labels);
 * ```
 */
export { cifar10 } from "./io/cifar10.ts";
export type { Dataset, Split } from "./io/dataset.ts";
export { dataset, datasetNames } from "./io/datasets.ts";
export { fashionMnist, mnist } from "./io/mnist.ts";
export type { DatasetOptions, DownloadProgress } from "./io/source.ts";
export type { SplitOptions } from "./io/split.ts";
export { split, take } from "./io/split.ts";
