/** Images on their way into a network: what callers may give, and how bytes become numbers. */
import { isArrayOf } from "../base/arrays.ts";
import { integerIn, isList, plainObject, type Subject } from "../base/checks.ts";
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { PackedModel } from "../io/model-reader.ts";
import { inputShapeOf } from "../nn/network.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Bytes, to which the file's input scale and offset are applied, or floats, taken as they are. */
export type Images = Uint8Array | Uint8ClampedArray | Float32Array;

/** What the file says of the bytes of an image: number = byte * scale + offset. */
export interface InputScale {
  readonly scale: number;
  readonly offset: number;
}

/**
 * The input's scale, null where the file does not say.
 *
 * @throws ProxbitError `model-file` where it is no number, or makes a byte one beyond f32.
 */
export function inputScaleOf(model: PackedModel): InputScale | null {
  const [scale, offset] = [metadataNumber(model, "inputScale"), metadataNumber(model, "inputOffset")];
  if (scale === undefined || offset === undefined) return null;
  // The core's numbers: each rounded, and so is what the largest byte becomes.
  const largest = Math.fround(Math.fround(255 * Math.fround(scale)) + Math.fround(offset));
  if (Number.isFinite(Math.fround(offset)) && Number.isFinite(largest)) return { scale, offset };
  const message = `the model file's metadata says inputScale ${scale} and inputOffset ${offset}, which make numbers beyond f32`;
  throw new ProxbitError("model-file", message, "Pack the model again.");
}

function metadataNumber(model: PackedModel, key: string): number | undefined {
  const text = model.metadata[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  const message = `the model file's metadata says ${key} is ${JSON.stringify(text)}, which is no number`;
  throw new ProxbitError("model-file", message, "Pack the model again.");
}

export interface RunOptions {
  /** The number of images that stand one after the other; 1 where it is left out. */
  readonly count?: number;
}

interface Input {
  readonly images: Images;
  readonly count: number;
}

/**
 * The images of a call, one after the other. Pools and activations may swallow a NaN, so what goes in is looked at before
 * anything runs.
 *
 * @throws ProxbitError as `Session.run` says.
 */
export function inputOf(
  model: PackedModel,
  scale: InputScale | null,
  given: Images | readonly Images[],
  options: RunOptions = {},
): Input {
  const listed = isList(given);
  plainObject(options, ["count"], SUBJECT);
  if (listed && options.count !== undefined) {
    throw new ProxbitError("argument", "a list has a count of its own", "Leave out count, or give one array.");
  }
  const count = listed ? given.length : integerIn(options.count ?? 1, 1, MOST_IMAGES, "count", SUBJECT);
  const size = elementsOf(inputShapeOf(model.graph));
  const images = listed ? joined(given, size, model) : (given as Images);
  checkNumbers(images);
  if (images.length !== count * size || count === 0) throw wrongLength(model, images.length, count);
  if (scale === null && !isArrayOf(images, "Float32Array")) {
    const message = "the model file does not say how bytes become numbers (inputScale, inputOffset)";
    const remedy = "Give a Float32Array, scaled as in training, or pack the model again.";
    throw new ProxbitError("model-file", message, remedy);
  }
  return { images, count };
}

const SUBJECT: Subject = { code: "argument", what: "run" };
const MOST_IMAGES = 2 ** 31;

function wrongLength(model: PackedModel, length: number, count: number): ProxbitError {
  const shape = inputShapeOf(model.graph);
  const size = elementsOf(shape);
  const wanted =
    count === 1 ? `an image of [${shape.join(", ")}], ${size} numbers` : `${count} images, ${count * size} numbers`;
  const whole = length > 0 && length % size === 0;
  const remedy = whole
    ? `Say { count: ${length / size} } if these are ${length / size} images; pixels of a canvas go through classify.`
    : "Give whole images, one after the other, channels last.";
  return new ProxbitError("shape", `the network takes ${wanted}; ${length} were given`, remedy);
}

/** One array of all images of a list, which are all bytes or all floats. */
function joined(list: readonly Images[], size: number, model: PackedModel): Images {
  for (const one of list) {
    checkNumbers(one);
    if (one.length !== size) throw wrongLength(model, one.length, 1);
    if (isArrayOf(one, "Float32Array") !== isArrayOf(list[0], "Float32Array")) {
      throw new ProxbitError("argument", "the list mixes bytes and floats", "Give all images in one way.");
    }
  }
  const all = isArrayOf(list[0], "Float32Array")
    ? new Float32Array(list.length * size)
    : new Uint8Array(list.length * size);
  for (const [index, one] of list.entries()) all.set(one, index * size);
  return all;
}

function checkNumbers(images: unknown): void {
  if (isArrayOf(images, "Uint8Array", "Uint8ClampedArray")) return;
  if (!isArrayOf(images, "Float32Array")) {
    const message = `images must be a Uint8Array, Uint8ClampedArray or Float32Array, not ${describe(images)}`;
    throw new ProxbitError("argument", message, "Give bytes from 0 to 255, or floats as the network takes them.");
  }
  const bad = firstNotFinite(images);
  if (bad < 0) return;
  throw new ProxbitError("not-finite", `number ${bad} of the input is ${images[bad]}`, "Give finite pixels.");
}

/** The place of the first number that is NaN or infinite; -1 where there is none. */
function firstNotFinite(values: Float32Array): number {
  // A sum of zeros is 0, and NaN as soon as one of them came of a number that is not finite: no branch in the loop.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** @throws ProxbitError `not-finite` where an output is not finite. */
export function checkOutputs(outputs: Float32Array, size: number): void {
  const bad = firstNotFinite(outputs);
  if (bad < 0) return;
  const message = `output ${bad % size} of image ${Math.floor(bad / size)} is ${outputs[bad]}`;
  throw new ProxbitError("not-finite", message, "Give smaller pixels; if they are small, train the model again.");
}

/** The error for a call that met a number that is not finite. */
export function badLayer(node: string | undefined, when: string): ProxbitError {
  const message = `layer "${node}" met NaN or an infinite number ${when}`;
  return new ProxbitError("not-finite", message, "Give finite pixels; if they are, train the model again.");
}
