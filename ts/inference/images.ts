/** Images on their way into a network: what callers may give, and how bytes become numbers. */
import { describe } from "../base/describe.ts";
import { ProxbitError } from "../base/errors.ts";
import type { PackedModel } from "../io/model-file.ts";
import { inputShapeOf } from "../nn/network.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Bytes, to which the file's input scale and offset are applied, or floats, taken as they are. */
export type Images = Uint8Array | Uint8ClampedArray | Float32Array;

/** What the file says of the bytes of an image: number = byte * scale + offset. */
export interface InputScale {
  readonly scale: number;
  readonly offset: number;
}

/** The input's scale, null where the file does not say. @throws ProxbitError `model-file` where it is no number. */
export function inputScaleOf(model: PackedModel): InputScale | null {
  const [scale, offset] = [metadataNumber(model, "inputScale"), metadataNumber(model, "inputOffset")];
  return scale === undefined || offset === undefined ? null : { scale, offset };
}

function metadataNumber(model: PackedModel, key: string): number | undefined {
  const text = model.metadata[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  const message = `the model file's metadata says ${key} is ${JSON.stringify(text)}, which is no number`;
  throw new ProxbitError("model-file", message, "Pack the model again.");
}

/**
 * The number of images in `images`. Pools and activations may swallow a NaN, so what goes in is looked at before anything
 * runs.
 *
 * @throws ProxbitError as `Session.run` says.
 */
export function countImages(model: PackedModel, scale: InputScale | null, images: Images): number {
  checkNumbers(images);
  const size = elementsOf(inputShapeOf(model.graph));
  if (images.length === 0 || images.length % size !== 0) {
    const shape = `[${inputShapeOf(model.graph).join(", ")}]`;
    const message = `the network takes images of ${shape}, ${size} numbers each; ${images.length} were given`;
    throw new ProxbitError("shape", message, "Give whole images, one after the other, channels last.");
  }
  if (scale === null && !(images instanceof Float32Array)) {
    const message = "the model file does not say how bytes become numbers (inputScale, inputOffset)";
    const remedy = "Give a Float32Array, scaled as in training, or pack the model again.";
    throw new ProxbitError("model-file", message, remedy);
  }
  return images.length / size;
}

function checkNumbers(images: unknown): void {
  if (images instanceof Uint8Array || images instanceof Uint8ClampedArray) return;
  if (!(images instanceof Float32Array)) {
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
