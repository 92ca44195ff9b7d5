/**
 * `proxbit/data`: labelled images in memory.
 *
 * ```ts
 * import { mnist, take } from "proxbit/data";
 * const digits = await mnist();
 * console.log(digits.train.count, digits.classes, take(digits.test, 100).labels);
 * ```
 */
export { cifar10 } from "./cifar10.ts";
export type { Dataset, Split } from "./dataset.ts";
export { dataset, datasetNames } from "./datasets.ts";
export { fashionMnist, mnist } from "./mnist.ts";
export type { DatasetOptions, DownloadProgress } from "./source.ts";
export type { SplitOptions } from "./split.ts";
export { split, take } from "./split.ts";
