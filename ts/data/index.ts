/**
 * `proxbit/data`: examples to train on, in memory.
 *
 * ```ts
 * import { mnist, take } from "proxbit/data";
 * const digits = await mnist();
 * console.log(digits.train.count, digits.classes, take(digits.test, 100).labels);
 * ```
 */

export type { Variations } from "./augmented.ts";
export { augmented } from "./augmented.ts";
export { changed } from "./changed.ts";
export { cifar10 } from "./cifar10.ts";
export { cifar100 } from "./cifar100.ts";
export type { ClassNumbers, Dataset, Examples, ImageSplit, Numbers, Split, Stream } from "./dataset.ts";
export { dataset, datasetNames } from "./datasets.ts";
export { digest } from "./digest.ts";
export { type ImageFolderOptions, imageFolder, type ReadProgress } from "./files/folder.ts";
export { idxFolder } from "./files/idx-folder.ts";
export { type Npy, type NpyValues, parseNpy } from "./files/npy.ts";
export { type NpzOptions, npz } from "./files/npz.ts";
export type { DatasetParts } from "./make.ts";
export { holdOut, makeDataset } from "./make.ts";
export { fashionMnist, mnist } from "./mnist.ts";
export type { GivenLabels, GivenNumbers } from "./numbers.ts";
export type { DatasetOptions, DownloadProgress } from "./source.ts";
export type { SplitOptions } from "./split.ts";
export { split, take } from "./split.ts";
export type { GivenExamples, OrderedSource, RandomSource, StreamOptions } from "./stream.ts";
export { stream } from "./stream.ts";
