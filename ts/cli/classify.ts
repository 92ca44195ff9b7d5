/**
 * Repeated use of a session: the class of many images, the time of one, and probabilities. Only types are imported, so
 * a program that demonstrates inference alone may use this file.
 */
import type { Session } from "../inference/index.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Images between two looks at the signal: some tens of milliseconds. */
const IMAGES_AT_ONCE = 256;
const WARM_UP_RUNS = 10;
const TIMED_RUNS = 200;

/** The position of the first of the largest values. */
export function largestAt(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  }
  return best;
}

/**
 * The class that `session` gives to each image in `images` (bytes, NHWC). `onProgress` is called between pieces of the
 * work, after the process has had time for signals. An error that `onProgress` throws ends the work.
 */
export async function classify(
  session: Session,
  images: Uint8Array,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<Uint32Array> {
  const size = elementsOf(session.inputShape);
  const count = images.length / size;
  const predictions = new Uint32Array(count);
  for (let first = 0; first < count; first += IMAGES_AT_ONCE) {
    const logits = session.run(images.subarray(first * size, Math.min(count, first + IMAGES_AT_ONCE) * size));
    for (let image = 0; image * session.classes < logits.length; image++) {
      const row = logits.subarray(image * session.classes, (image + 1) * session.classes);
      predictions[first + image] = largestAt(row);
    }
    await new Promise(setImmediate);
    onProgress(Math.min(count, first + IMAGES_AT_ONCE), count);
  }
  return predictions;
}

/** The median time of `session.run` on one image, in milliseconds. The session has `batch` 1. */
export function medianLatency(session: Session, image: Uint8Array): number {
  const times = Array.from({ length: WARM_UP_RUNS + TIMED_RUNS }, () => {
    const began = performance.now();
    session.run(image);
    return performance.now() - began;
  });
  const sorted = times.slice(WARM_UP_RUNS).sort((a, b) => a - b);
  return sorted[TIMED_RUNS >> 1] ?? Number.NaN;
}

/** softmax(logits): exp(x_i - max) / sum. */
export function softmax(logits: ArrayLike<number>): readonly number[] {
  const values = Array.from(logits);
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
