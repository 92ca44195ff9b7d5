/**
 * Values in f64, `[images][...shape]` with channels innermost, and the loss.
 *
 * A `margin` collects how close a value came to a place where a rounding error would change the result by a jump (a sign,
 * a maximum, the edge of a box): a comparison with f32 only means something where that stays well above f32's errors.
 */
import type { Shape } from "../../ts/nn/graph.ts";

export interface Value {
  readonly images: number;
  readonly shape: Shape;
  readonly data: Float64Array;
}

export interface Margin {
  smallest: number;
  /** A value this near or nearer to a jump ends the pass by `tooNear`; absent, none does. */
  readonly least?: number | undefined;
}

export const tooNear = new Error("a value lies too near to a jump");

/** Statistics of a batch, channel by channel. */
export interface Moments {
  readonly mean: Float64Array;
  /** Mean squared distance from the mean. */
  readonly variance: Float64Array;
  /** Values a channel. */
  readonly count: number;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

export const zeros = (images: number, shape: Shape): Value => ({
  images,
  shape,
  data: new Float64Array(images * sizeOf(shape)),
});

export const at = (data: Float64Array, index: number): number => data[index] as number;

/** Notes the distance of `x` to `edge`; a value exactly on it (a clipped one) is exact in f32 too. */
export function note(margin: Margin, x: number, edge: number): void {
  const distance = Math.abs(x - edge);
  if (distance === 0) return;
  margin.smallest = Math.min(margin.smallest, distance);
  if (distance <= (margin.least ?? 0)) throw tooNear;
}

/** Sums over all but the last axis. */
export function channelSums({ shape, data }: Value): Float64Array {
  const channels = shape.at(-1) as number;
  const sums = new Float64Array(channels);
  data.forEach((value, i) => {
    sums[i % channels] = at(sums, i % channels) + value;
  });
  return sums;
}

/**
 * Mean cross-entropy of softmax(logits) with the truth, of which all classes share `smoothing` alike; its gradient, and the
 * first class of greatest logit.
 */
export function crossEntropy(
  logits: Value,
  labels: ArrayLike<number>,
  margin: Margin,
  smoothing = 0,
): { loss: number; gradient: Value; predictions: number[] } {
  const classes = sizeOf(logits.shape);
  const gradient = zeros(logits.images, logits.shape);
  const predictions: number[] = [];
  let loss = 0;
  for (let row = 0; row < logits.images; row++) {
    const scores = logits.data.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    const best = scores.indexOf(largest);
    const label = labels[row] as number;
    predictions.push(best);
    scores.forEach((score, k) => {
      if (k !== best) note(margin, score, largest);
      const probability = Math.exp(score - largest) / total;
      const truth = (k === label ? 1 - smoothing : 0) + smoothing / classes;
      loss += (truth * (Math.log(total) + largest - score)) / logits.images;
      gradient.data[row * classes + k] = (probability - truth) / logits.images;
    });
  }
  return { loss, gradient, predictions };
}
