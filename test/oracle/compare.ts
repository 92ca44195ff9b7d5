/**
 * The distance that f32 may have from the oracle's f64, and data that make the comparison mean something.
 *
 * A sum of n terms in f32 is off by at most n 2^-24 times the sum of the terms' magnitudes, in practice by far less. A
 * tensor is held to n 2^-24 of its own largest element, n being the longest sum of the network: that is thousands of
 * times smaller than what a wrong index, a missing term or a wrong factor does.
 */
import { expect } from "vitest";
import type { Dataset, ImageSplit, Split } from "../../ts/data/dataset.ts";
import { type Graph, parametersOf, randomStream, shapesOf } from "../../ts/nn/index.ts";
import { sizeOf, type Value } from "./layers.ts";

const UNIT_ROUNDOFF = 2 ** -24;

/** Terms of the longest sum in a step: a kernel's rows, or the images and pixels that a filter's gradient runs over. */
export function longestSum(graph: Graph, images: number): number {
  const rows = parametersOf(graph).map(({ shape }) => sizeOf(shape.slice(0, -1)));
  const pixels = [...shapesOf(graph).values()].map((shape) => images * sizeOf(shape.slice(0, -1)));
  return Math.max(...rows, ...pixels);
}

/**
 * That `given` is `wanted` up to the rounding of sums of `terms` terms. `floor` is added to the magnitude that errors are
 * measured by: where `given` is a difference of two f32, the magnitude of these.
 */
export function expectClose(
  given: ArrayLike<number>,
  wanted: ArrayLike<number>,
  terms: number,
  what: string,
  floor = 0,
): void {
  expect(given.length, what).toBe(wanted.length);
  const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const allowed = UNIT_ROUNDOFF * (terms * largest + 4 * floor);
  let worst = 0;
  for (let i = 0; i < given.length; i++) {
    const error = Math.abs((given[i] as number) - (wanted[i] as number));
    worst = error <= worst ? worst : error;
  }
  expect(worst, `${what}: off by ${worst}, allowed ${allowed}, largest element ${largest}`).toBeLessThanOrEqual(
    allowed,
  );
}

/** Bytes times a power of two plus such a fraction are exact in f32, and never 0. */
const SCALE = 1 / 64;
const OFFSET = -2 + 1 / 128;

/** `count` images of random bytes with random labels below `classes`. */
export function randomSplit(
  seed: number,
  count: number,
  shape: readonly [number, number, number],
  classes: number,
): ImageSplit {
  const stream = randomStream(seed, "test images");
  const images = Uint8Array.from({ length: count * sizeOf(shape) }, () => stream.below(256));
  const labels = Uint8Array.from({ length: count }, () => stream.below(classes));
  return { count, images, labels, shape, scale: SCALE, offset: OFFSET };
}

/** A data set whose two splits are random images. */
export function randomDataset(
  seed: number,
  counts: readonly [train: number, test: number],
  shape: readonly [number, number, number],
  classes: number,
): Dataset<ImageSplit> {
  const names = Array.from({ length: classes }, (_, k) => `class ${k}`);
  const [train, test] = counts.map((count, i) => randomSplit(2 * seed + i, count, shape, classes)) as [
    ImageSplit,
    ImageSplit,
  ];
  return { name: "random", classes: names, train, test };
}

/** The images of `split` as the network sees them, `count` of them from `first` on. */
export function inputOf(split: Split, first = 0, count = split.count): Value {
  const size = sizeOf(split.shape);
  const bytes = split.images.subarray(first * size, (first + count) * size);
  return { images: count, shape: split.shape, data: Float64Array.from(bytes, (b) => b * split.scale + split.offset) };
}
