/**
 * Arrays that changed in place. A trainer keeps a copy of each data set that it has seen, and looks up arrays by their
 * memory. So it must be told when numbers in that memory are others.
 */
import { reading } from "../base/checks.ts";
import type { Split } from "./dataset.ts";

const versions = new WeakMap<ArrayBufferLike, number>();

/** The number of times that somebody said of `buffer` that it changed. */
export const versionOf = (buffer: ArrayBufferLike): number => versions.get(buffer) ?? 0;

/** Says of `buffer` that its bytes are others now. */
export const bufferChanged = (buffer: ArrayBufferLike): void => {
  versions.set(buffer, versionOf(buffer) + 1);
};

/**
 * Says that inputs, labels, targets or weights of `split` were changed in place. Trainers then read it anew; without
 * this call they train on the numbers as they were at first.
 *
 * @example
 * data.train.images.fill(0, 0, 784);
 * changed(data.train);
 */
export function changed(split: Split): void {
  reading("changed", "a split", () => {
    for (const array of [split.images, split.labels, split.targets, split.sampleWeights]) {
      if (array !== undefined) bufferChanged(array.buffer);
    }
  });
}
