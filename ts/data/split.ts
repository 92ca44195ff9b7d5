/** A split made from arrays in memory. One check here saves the trainer and the kernels a check of their own. */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { Split } from "./dataset.ts";

export interface SplitOptions {
  /** The network sees `byte * scale + offset`. 2/255 where it is left out, with offset -1: bytes to [-1, 1]. */
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  /** The number of classes; every label is below it. 256 where it is left out. */
  readonly classes?: number | undefined;
}

/** Bytes 0 … 255 to -1 … 1. */
const UNIT_SCALE = 2 / 255;
const UNIT_OFFSET = -1;

function checkShape(shape: readonly [number, number, number]): void {
  if (shape.length === 3 && shape.every((size) => Number.isSafeInteger(size) && size > 0)) return;
  throw new ProxbitError("shape", `${describe(shape)} is not the shape of an image`, "Give [height, width, channels].");
}

function bytesOf(images: Uint8Array | Uint8ClampedArray): Uint8Array {
  // A view of its own also for a Buffer, whose methods differ from those of plain bytes.
  if (images instanceof Uint8Array || images instanceof Uint8ClampedArray) {
    return new Uint8Array(images.buffer, images.byteOffset, images.length);
  }
  throw new ProxbitError(
    "argument",
    "the images must be a Uint8Array: one byte for each pixel and channel",
    "Scale the pixels to 0 … 255 and round them; scale and offset say what the network sees.",
  );
}

function checkedLabels(labels: ArrayLike<number>, classes: number): Uint8Array {
  const checked = new Uint8Array(labels.length);
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index] ?? Number.NaN;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ProxbitError(
        "data",
        `the label of image ${index} is ${describe(labels[index])}; there are ${classes} classes`,
        `Number the classes from 0 to ${classes - 1}.`,
      );
    }
    checked[index] = label;
  }
  return checked;
}

/**
 * A split of `labels.length` images.
 *
 * @param images bytes, NHWC: `labels.length * height * width * channels` of them. Not copied.
 * @param labels class indices, whole numbers from 0. Copied.
 * @param shape `[height, width, channels]`.
 * @throws ProxbitError "shape" where lengths and shape disagree, "data" for no images and labels out of range.
 * @throws ProxbitError "argument" for a value of the wrong type.
 */
export function split(
  images: Uint8Array | Uint8ClampedArray,
  labels: ArrayLike<number>,
  shape: readonly [number, number, number],
  options: SplitOptions = {},
): Split {
  const { scale = UNIT_SCALE, offset = UNIT_OFFSET, classes = 256 } = options;
  checkShape(shape);
  const bytes = bytesOf(images);
  if (!Number.isFinite(scale) || scale === 0 || !Number.isFinite(offset)) {
    throw new ProxbitError(
      "argument",
      `scale ${scale} and offset ${offset} make no input`,
      "Give finite numbers and a scale that is not 0.",
    );
  }
  if (!Number.isInteger(classes) || classes < 1 || classes > 256) {
    throw new ProxbitError(
      "argument",
      `${classes} classes are not supported`,
      "Labels are bytes: give 1 to 256 classes.",
    );
  }
  const count = labels.length;
  if (!Number.isSafeInteger(count)) {
    throw new ProxbitError(
      "argument",
      "the labels must be a list of class indices",
      "Give one whole number for each image.",
    );
  }
  if (count === 0) throw new ProxbitError("data", "the split has no images", "Give at least one image and its label.");
  const size = shape[0] * shape[1] * shape[2];
  if (bytes.length !== count * size) {
    throw new ProxbitError(
      "shape",
      `${count} images of [${shape.join(", ")}] take ${count * size} bytes, not ${bytes.length}`,
      "Give as many labels as images, and the shape [height, width, channels] of one image.",
    );
  }
  return { count, images: bytes, labels: checkedLabels(labels, classes), shape, scale, offset };
}

/**
 * The first `count` images of `whole`, or all where it has fewer; a view, nothing is copied.
 *
 * @throws ProxbitError "argument" where `count` is not a whole number above 0.
 */
export function take(whole: Split, count: number): Split {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ProxbitError("argument", `${count} is not a number of images`, "Give a whole number above 0.");
  }
  const taken = Math.min(count, whole.count);
  const size = whole.shape[0] * whole.shape[1] * whole.shape[2];
  return {
    ...whole,
    count: taken,
    images: whole.images.subarray(0, taken * size),
    labels: whole.labels.subarray(0, taken),
  };
}
