/** Images mixed with others of their group, and their truth by the same shares. */
import { ProxbitError } from "../base/errors.ts";
import type { RandomStream } from "../nn/random.ts";
import { exactExp, exactLog } from "../quantizers/elementary.ts";
import type { Split } from "./dataset.ts";

export interface Mixing {
  readonly mixup: number;
  readonly cutmix: number;
  readonly classes: number;
}

/** A draw of Beta(alpha, alpha), alpha in (0, 1] (Joehnk, 1964). */
function betaDraw(alpha: number, random: RandomStream): number {
  for (;;) {
    const one = exactExp(exactLog(random.uniform()) / alpha);
    const two = exactExp(exactLog(random.uniform()) / alpha);
    if (one + two > 0 && one + two <= 1) return one / (one + two);
  }
}

/** The truth of each example as numbers: its targets, or 1 at its class. */
function truthOf({ count, labels, targets }: Split, classes: number): Float32Array {
  if (targets !== undefined) return targets.slice();
  if (classes === 0) {
    throw new ProxbitError(
      "argument",
      "labels are mixed, and the number of classes is not given",
      "Give augmented() the option classes, and the trainer a loss that reads targets.",
    );
  }
  const made = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) {
    const label = labels[i] ?? classes;
    if (label >= classes) {
      throw new ProxbitError(
        "data",
        `a label is ${label}, and augmented() was told of ${classes} classes`,
        "Give more classes.",
      );
    }
    made[i * classes + label] = 1;
  }
  return made;
}

/**
 * Mixes each example with another of `whole`. What is drawn for an example follows from its own place alone.
 *
 * @param drawn the random numbers of the example of a place.
 */
export function mixed(
  whole: Split,
  [height, width, channels]: readonly [number, number, number],
  { mixup, cutmix, classes }: Mixing,
  drawn: (place: number) => RandomStream,
): Split {
  const alpha = Math.max(mixup, cutmix);
  if (alpha === 0) return whole;
  const { count } = whole;
  const size = height * width * channels;
  const isWhole = whole.images[Symbol.toStringTag] !== "Float32Array";
  const truth = truthOf(whole, classes);
  const row = truth.length / count;
  const [images, targets] = [whole.images.slice(), truth.slice()];
  for (let i = 0; i < count; i++) {
    const random = drawn(i);
    const other = random.below(count);
    let share = betaDraw(alpha, random);
    const numbers = (place: number): number => whole.images[place] as number;
    if (mixup > 0) {
      for (let n = 0; n < size; n++) {
        const value = share * numbers(i * size + n) + (1 - share) * numbers(other * size + n);
        images[i * size + n] = isWhole ? Math.round(value) : value;
      }
    } else {
      const [cutHeight, cutWidth] = [height, width].map((side) => Math.round(side * Math.sqrt(1 - share))) as [
        number,
        number,
      ];
      const [middleY, middleX] = [random.below(height), random.below(width)];
      const [top, left] = [Math.max(0, middleY - (cutHeight >> 1)), Math.max(0, middleX - (cutWidth >> 1))];
      const bottom = Math.min(height, middleY - (cutHeight >> 1) + cutHeight);
      const right = Math.min(width, middleX - (cutWidth >> 1) + cutWidth);
      for (let y = top; y < bottom; y++) {
        const [from, to] = [(y * width + left) * channels, (y * width + Math.max(left, right)) * channels];
        images.set(whole.images.subarray(other * size + from, other * size + to), i * size + from);
      }
      share = 1 - (Math.max(0, bottom - top) * Math.max(0, right - left)) / (height * width);
    }
    for (let n = 0; n < row; n++) {
      targets[i * row + n] = share * (truth[i * row + n] as number) + (1 - share) * (truth[other * row + n] as number);
    }
  }
  return { ...whole, images, labels: new Uint8Array(), targets };
}
