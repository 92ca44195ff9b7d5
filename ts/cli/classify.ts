/** Repeated use of a session: the class of many images, and the time of one. */
import { median } from "../base/quantiles.ts";
import { nextTurn } from "../base/turn.ts";
import { largestAt } from "../inference/classify.ts";
import type { Session } from "../inference/index.ts";
import { elementsOf } from "../nn/shapes.ts";

/** Images between two looks at the signal: some tens of milliseconds. */
const IMAGES_AT_ONCE = 256;
const WARM_UP_RUNS = 10;
const TIMED_RUNS = 200;

/**
 * The class that `session` gives to each image in `images` (as `run` takes them). `onProgress` is called between pieces of the
 * work, after the process has had time for signals. An error that `onProgress` throws ends the work.
 */
export async function classify(
  session: Session,
  images: Uint8Array | Float32Array,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<Uint32Array> {
  const size = elementsOf(session.inputShape);
  const count = images.length / size;
  const predictions = new Uint32Array(count);
  for (let first = 0; first < count; first += IMAGES_AT_ONCE) {
    const last = Math.min(count, first + IMAGES_AT_ONCE);
    const logits = session.run(images.subarray(first * size, last * size), { count: last - first });
    for (let image = 0; image * session.classes < logits.length; image++) {
      const row = logits.subarray(image * session.classes, (image + 1) * session.classes);
      predictions[first + image] = largestAt(row);
    }
    await nextTurn();
    onProgress(last, count);
  }
  return predictions;
}

/** The median time of `session.run` on one image, in milliseconds. The session has `batch` 1. */
export function medianLatency(session: Session, image: Uint8Array | Float32Array): number {
  const times = Array.from({ length: WARM_UP_RUNS + TIMED_RUNS }, () => {
    const began = performance.now();
    session.run(image);
    return performance.now() - began;
  });
  return median(times.slice(WARM_UP_RUNS));
}
