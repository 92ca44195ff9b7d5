/**
 * SiMaN's weights in tfjs: magnitudes about the middle of their filter, ordered by tfjs's `topk`
 * (`ts/quantizers/magnitudes.ts` has the definition).
 *
 * Order statistics, clips and deviations move no further than the magnitudes that they are made of. So one distance of a
 * filter, the largest of its magnitudes', bounds all of them. Which of two equal magnitudes is the larger is left open: w' is
 * within its distance of 0 there.
 */
import { columnMean } from "./column-mean.ts";
import { type Near, near } from "./maps.ts";
import { FEW, UNIT } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** w' and dS of the weights `w`, whose last axis is the filters. */
export function nearMagnitudes(
  tf: TensorFlow,
  w: Tensor,
  percentile: number,
): { readonly value: Near; readonly slope: Near } {
  const filters = w.shape.at(-1) as number;
  const rows = w.size / filters;
  const flat = tf.reshape(w, [rows, filters]) as Tensor;
  const mean = columnMean(tf, flat);
  const apart = tf.sub(flat, mean.value) as Tensor;
  const a = tf.abs(apart) as Tensor;
  /** By rank from the least, each a row of filters. */
  const descending = tf.topk(tf.transpose(a), rows, true).values;
  const ranked = (rank: number): Tensor =>
    tf.reshape(tf.slice(descending, [0, rows - 1 - rank], [filters, 1]), [filters]);
  const quantile = (share: number): Tensor => {
    const place = share * (rows - 1);
    const below = Math.floor(place);
    const [lower, upper] = [ranked(below), ranked(Math.min(below + 1, rows - 1))];
    return tf.add(lower, tf.mul(tf.sub(upper, lower), place - below));
  };
  const [lowest, highest] = [quantile(percentile / 100), quantile(1 - percentile / 100)];
  const least = ranked(Math.floor(rows / 2));
  const threshold = rows === 1 ? least : tf.div(tf.add(least, ranked(Math.floor(rows / 2) - 1)), 2);
  const c = tf.minimum(highest, tf.maximum(lowest, a)) as Tensor;
  const variance = columnMean(tf, tf.square(tf.sub(c, columnMean(tf, c).value)));
  const deviation = tf.sqrt(tf.add(variance.value, 1e-8)) as Tensor;
  const largest = tf.max(tf.abs(flat), 0) as Tensor;
  const moved = (): Tensor => tf.add(mean.distance, tf.mul(largest, 8 * UNIT));
  const relative = (): Tensor => {
    const ofVariance = tf.div(variance.distance, tf.mul(2, tf.square(deviation)));
    return tf.add(tf.add(ofVariance, tf.div(tf.mul(2, moved()), deviation)), FEW);
  };
  const shaped = (x: Tensor): Tensor => tf.reshape(x, w.shape);
  const value = tf.div(tf.sub(c, threshold), deviation) as Tensor;
  const passes = tf.logicalAnd(tf.greaterEqual(a, lowest), tf.lessEqual(a, highest));
  const toward = tf.sub(tf.mul(2, tf.cast(tf.greaterEqual(apart, 0), "float32")), 1);
  const slope = tf.div(tf.mul(toward, tf.cast(passes, "float32")), deviation) as Tensor;
  /** 1 where `x` may lie on either side of `edge`. */
  const open = (x: Tensor, edge: Tensor | number): Tensor =>
    tf.cast(tf.lessEqual(tf.abs(tf.sub(x, edge)), tf.mul(2, moved())), "float32");
  return {
    value: near(shaped(value), () =>
      shaped(tf.add(tf.div(tf.mul(2, moved()), deviation), tf.mul(tf.abs(value), relative()))),
    ),
    slope: near(shaped(slope), () => {
      const sides = tf.add(tf.add(open(a, lowest), open(a, highest)), tf.mul(2, open(apart, 0)));
      return shaped(tf.add(tf.div(sides, deviation), tf.mul(tf.abs(slope), relative())));
    }),
  };
}
