/** A split made from arrays in memory. One check here saves the trainer and the kernels a check of their own. */
import { isArrayOf } from "../base/arrays.ts";
import { isList, plainObject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import { bufferChanged } from "./changed.ts";
import { type ClassNumbers, type ImageSplit, isStream, type Numbers, type Split } from "./dataset.ts";
import { type GivenLabels, type GivenNumbers, labelsOf, MOST_CLASSES, numbersOf, realsOf } from "./numbers.ts";
import { section } from "./subset.ts";

export interface SplitOptions {
  /**
   * The network sees `number * scale + offset` of integers. Where both are left out, bytes and numbers of 16 bits become
   * [-1, 1] (2/255 or 2/65535, and -1), and signed bytes [-1, 1) (1/128, and 0). Floats are taken as they are.
   */
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  /** The number of classes, 1 to 2^24; every label is below it. 2^24 where it is left out. */
  readonly classes?: number | undefined;
  /** The answers that the network should give: as many numbers for each example as its output has. Not copied where 32-bit floats. */
  readonly targets?: GivenNumbers | undefined;
  /** The weight of each example in the loss, not negative; all count alike where it is left out. */
  readonly sampleWeights?: GivenNumbers | undefined;
}

const OPTIONS = ["scale", "offset", "classes", "targets", "sampleWeights"];

/** The usual scale and offset of each kind of numbers. */
const USUAL = {
  Uint8Array: [2 / 255, -1],
  Int8Array: [1 / 128, 0],
  Uint16Array: [2 / 65535, -1],
  Float32Array: [1, 0],
} as const;

const MOST_AXES = 4;

function checkShape(shape: unknown): readonly number[] {
  const isShape =
    isList(shape) &&
    shape.length >= 1 &&
    shape.length <= MOST_AXES &&
    shape.every((size) => Number.isSafeInteger(size) && (size as number) > 0);
  if (isShape) return shape as readonly number[];
  throw new ProxbitError(
    "shape",
    `${describe(shape)} is not the shape of an example`,
    "Give 1 to 4 sizes, of an image [height, width, channels], of a vector [length].",
  );
}

function checkScale(images: Numbers, { scale, offset }: SplitOptions): Pick<Split, "scale" | "offset"> {
  if (isArrayOf(images, "Float32Array")) {
    if ((scale ?? 1) === 1 && (offset ?? 0) === 0) return { scale: 1, offset: 0 };
    throw new ProxbitError(
      "argument",
      `scale ${describe(scale)} and offset ${describe(offset)} are given for floats, which are taken as they are`,
      "Leave scale and offset out, and scale the numbers before.",
    );
  }
  const [usualScale, usualOffset] = USUAL[images[Symbol.toStringTag]];
  const given = { scale: scale ?? usualScale, offset: offset ?? usualOffset };
  if (Number.isFinite(given.scale) && given.scale !== 0 && Number.isFinite(given.offset)) return given;
  throw new ProxbitError(
    "argument",
    `scale ${describe(scale)} and offset ${describe(offset)} make no input`,
    "Give finite numbers and a scale that is not 0.",
  );
}

function checkClasses(classes: unknown): number {
  if (Number.isInteger(classes) && (classes as number) >= 1 && (classes as number) <= MOST_CLASSES) {
    return classes as number;
  }
  throw new ProxbitError(
    "argument",
    `${describe(classes)} is not a number of classes`,
    `Give 1 to ${MOST_CLASSES} classes.`,
  );
}

function targetsOf(given: GivenNumbers, count: number): Float32Array {
  const targets = realsOf("the targets", given);
  if (targets.length > 0 && targets.length % count === 0) return targets;
  throw new ProxbitError(
    "shape",
    `${targets.length} targets are not the same number for each of ${count} examples`,
    "Give as many targets for every example as the network's output has numbers.",
  );
}

function weightsOf(given: GivenNumbers, count: number): Float32Array {
  const weights = realsOf("the sample weights", given);
  if (weights.length !== count) {
    throw new ProxbitError(
      "shape",
      `${count} examples have ${weights.length} sample weights`,
      "Give one weight for each example.",
    );
  }
  const negative = weights.findIndex((weight) => weight < 0);
  if (negative >= 0) {
    throw new ProxbitError(
      "data",
      `the sample weight of example ${negative} is ${weights[negative]}`,
      "Give weights that are 0 or more.",
    );
  }
  return weights;
}

/** The number of examples, by the labels where there are some, else by the inputs. */
function countOf(labels: ClassNumbers | null, images: Numbers, size: number): number {
  const count = labels?.length ?? Math.floor(images.length / size);
  if (count === 0) throw new ProxbitError("data", "the split has no images", "Give at least one image and its label.");
  return count;
}

/**
 * A split of examples in memory. Give `labels` for classes, `options.targets` for real numbers or several classes at a time
 * (and then null for the labels, if there are none), or both.
 *
 * Trainers keep a copy of the numbers. Say `changed(split)` after numbers were changed in place.
 *
 * @param images inputs, one after the other: as many numbers as the product of `shape` for each example. Bytes, signed bytes,
 * numbers of 16 bits and 32-bit floats are not copied; other numbers become 32-bit floats.
 * @param labels class numbers, whole numbers from 0. Copied.
 * @param shape one to four sizes; of images `[height, width, channels]`.
 * @throws ProxbitError "shape" where lengths and shape disagree; "data" for no images, labels out of range, and numbers that
 * are not finite; "argument" for a value of the wrong type.
 * @example
 * split(bytes, classNumbers, [28, 28, 1]);
 * split(measurements, null, [4], { targets: prices });
 */
export function split(
  images: Uint8Array | Uint8ClampedArray,
  labels: GivenLabels,
  shape: readonly [number, number, number],
  options?: SplitOptions,
): ImageSplit;
export function split(
  images: GivenNumbers,
  labels: GivenLabels | null,
  shape: readonly number[],
  options?: SplitOptions,
): Split;
export function split(images: unknown, labels: unknown, shape: unknown, options: SplitOptions = {}): Split {
  const made = pieceOf(images, labels, shape, options);
  if (made.sampleWeights?.some((weight) => weight > 0) === false) {
    throw new ProxbitError("data", "all sample weights are 0", "Give at least one example a weight above 0.");
  }
  return made;
}

/** A split that is but a part of the examples, so that all its weights may be 0. Throws as {@link split}. */
export function pieceOf(images: unknown, labels: unknown, shape: unknown, options: SplitOptions): Split {
  plainObject(options, OPTIONS, { code: "argument", what: "split" });
  const axes = checkShape(shape);
  const numbers = numbersOf("the images", images);
  const linear = checkScale(numbers, options);
  const classes = checkClasses(options.classes ?? MOST_CLASSES);
  const named = labels === null || labels === undefined ? null : labelsOf(labels, classes);
  const size = axes.reduce((product, axis) => product * axis, 1);
  const count = countOf(named, numbers, size);
  if (numbers.length !== count * size) {
    const unit = numbers.BYTES_PER_ELEMENT === 1 ? "bytes" : "numbers";
    throw new ProxbitError(
      "shape",
      `${count} images of [${axes.join(", ")}] take ${count * size} ${unit}, not ${numbers.length}`,
      "Give as many labels as images, and the shape of one image, as in [height, width, channels].",
    );
  }
  const { targets, sampleWeights } = options;
  const made = {
    ...{ count, images: numbers, labels: named ?? new Uint8Array(), shape: axes, ...linear },
    ...(targets === undefined ? {} : { targets: targetsOf(targets, count) }),
    ...(sampleWeights === undefined ? {} : { sampleWeights: weightsOf(sampleWeights, count) }),
  };
  // Whoever makes a split anew over the same memory has most likely filled that memory anew.
  for (const array of [made.images, made.targets, made.sampleWeights]) if (array) bufferChanged(array.buffer);
  return made;
}

/**
 * The first `count` examples of `whole`, or all where it has fewer; a view, nothing is copied.
 *
 * @throws ProxbitError "argument" where `count` is not a whole number above 0, and for a stream.
 */
export function take<Examples extends Split>(whole: Examples, count: number): Examples {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ProxbitError("argument", `${describe(count)} is not a number of images`, "Give a whole number above 0.");
  }
  if (typeof whole === "object" && whole !== null && isStream(whole)) {
    throw new ProxbitError("argument", "a stream cannot be cut", "Give stream() a source of fewer examples.");
  }
  return section(whole, 0, Math.min(count, whole.count));
}
