/** Slopes that stand in for the derivative of the sign. */
import { UNIT } from "../rounding.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";
import { type Near, near } from "./near.ts";
import type { BackwardTwin } from "./record.ts";

export const rbnnPrime: BackwardTwin<"rbnnPrime"> = (tf, x, t) => {
  const gain = Math.max(1 / t, 1) * t;
  const value = tf.mul(gain, tf.relu(tf.sub(Math.fround(Math.SQRT2), tf.mul(t, tf.abs(x)))));
  return near(value, () => tf.fill(x.shape, 16 * UNIT * gain));
};

export const restePrime: BackwardTwin<"restePrime"> = (tf, x, o) => {
  const magnitude = tf.abs(x);
  const [start, end] = [Math.fround(0.1), 1.5];
  const logarithm = tf.log(tf.clipByValue(magnitude, start, end));
  const power = tf.div(tf.exp(tf.mul((1 - o) / o, logarithm)), o);
  const inside = tf.where(tf.lessEqual(magnitude, start), tf.fill(x.shape, 0.1 ** (1 / o) / 0.1), power);
  const value = tf.where(tf.lessEqual(magnitude, end), inside, tf.zerosLike(x));
  // A logarithm of 2.4 at most: 2^-21 or 3 ULP a side; its exponential another 8 ULP.
  return near(value, () => tf.mul(value, 2 ** -20 + 128 * UNIT));
};

export const fdaPrime: BackwardTwin<"fdaPrime"> = (tf, x, n) => cosineSum(tf, x, Math.floor(n));

/**
 * (4 w / pi) times the sum of cos((2 i + 1) w x) over i = 0..n, on [-1, 1], w = 0.1: the Taylor series of the whole sum in
 * x^2, whose coefficients are (-1)^k w^(2k) / (2k)! times the sum of (2 i + 1)^(2k). (Graphics cards may miss a cosine by
 * 2^-11.)
 */
function cosineSum(tf: TensorFlow, x: Tensor, n: number): Near {
  const frequency = 0.1;
  const scale = (4 * frequency) / Math.PI;
  const odd = Array.from({ length: n + 1 }, (_, i) => (2 * i + 1) * frequency);
  // An argument of m at most: beyond the term m e + 16 the series is below 2^-24 of its first.
  const count = Math.ceil((Math.E * (odd.at(-1) as number)) / 2) + 8;
  let powers = odd.map(() => scale);
  const coefficients = Array.from({ length: count }, (_, k) => {
    const coefficient = powers.reduce((sum, power) => sum + power, 0);
    powers = powers.map((power, i) => (-power * (odd[i] as number) ** 2) / ((2 * k + 1) * (2 * k + 2)));
    return coefficient;
  });
  const squared = tf.square(tf.clipByValue(x, -1, 1));
  const inside = tf.cast(tf.lessEqual(tf.abs(x), 1), "float32");
  const series = (terms: readonly number[]): Tensor =>
    tf.mul(
      inside,
      terms.reduceRight<Tensor>((sum, term) => tf.add(tf.mul(sum, squared), term), tf.scalar(0)),
    );
  // Ours is a recurrence of n steps, whose roundings add up twice.
  const ours = scale * (n + 1) ** 2 * (1 + n / 20) * 4 * UNIT;
  return near(series(coefficients), () =>
    tf.add(tf.mul(series(coefficients.map(Math.abs)), 2 * (count + 2) * UNIT), ours),
  );
}
