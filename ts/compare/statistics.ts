/**
 * Means with what is known of them, after Student ("The probable error of a mean", Biometrika 6, 1908).
 *
 *   interval     mean +- t s / sqrt(n), t the quantile of Student's distribution with n - 1 degrees of freedom
 *   difference   the same of d_i = a_i - b_i, runs a and b with the same seed i: what varies with the seed alone cancels
 *   effect       mean d / standard deviation of d (Cohen's d of paired samples, "d_z")
 */

/** Mean, and the standard deviation of the sample (divided by n - 1). One run has no deviation, so that is null. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

/** A confidence interval of a mean, over `n` values. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** Runs against those of a baseline, over the seeds that both have. */
export interface PairedDifference {
  readonly mean: number;
  /** Null where there is one pair. */
  readonly interval: Interval | null;
  /** Null where there is one pair, or where all differences are equal. */
  readonly effect: number | null;
  readonly pairs: number;
}

/** The confidence of all intervals. */
export const LEVEL = 0.95;

/** Yields null for no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/**
 * P(T <= t) of Student's distribution with `freedom` >= 1 degrees, t >= 0: finite sums for a whole number of degrees
 * (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4).
 */
export function studentBelow(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, square] = [Math.sin(angle), Math.cos(angle) ** 2];
  const isOdd = freedom % 2 === 1;
  // The terms cos^k (k odd or even) with coefficients 2/3, 2 4/(3 5), ... or 1/2, 1 3/(2 4), ...
  let [term, sum] = [isOdd ? Math.cos(angle) : 1, 0];
  for (let k = isOdd ? 3 : 2; k <= freedom; k += 2) {
    sum += term;
    term *= ((k - 1) / k) * square;
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + within / 2;
}

/** t with P(|T| <= t) = `level` in (0, 1) for a whole number `freedom` >= 1 of degrees, by bisection. */
export function studentQuantile(level: number, freedom: number): number {
  const wanted = (1 + level) / 2;
  let [low, high] = [0, 1];
  while (studentBelow(high, freedom) < wanted) high *= 2;
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (studentBelow(middle, freedom) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The interval of the mean of `values`; null for fewer than two. */
export function intervalOf(values: readonly number[]): Interval | null {
  const { mean = 0, deviation = null } = spreadOf(values) ?? {};
  if (deviation === null) return null;
  const n = values.length;
  const half = (studentQuantile(LEVEL, n - 1) * deviation) / Math.sqrt(n);
  return { low: mean - half, high: mean + half, n };
}

/** A value for each seed; null for a run that failed. */
export type BySeed = ReadonlyMap<number, number | null>;

/** `own` against `baseline`; null where no seed is in both. */
export function differenceOf(own: BySeed, baseline: BySeed): PairedDifference | null {
  const differences = [...own].flatMap(([seed, value]) => {
    const other = baseline.get(seed) ?? null;
    return value === null || other === null ? [] : [value - other];
  });
  const spread = spreadOf(differences);
  if (spread === null) return null;
  const { mean, deviation } = spread;
  // Differences that are equal but for rounding have no spread to measure the mean by.
  const effect = deviation === null || deviation < 1e-12 ? null : mean / deviation;
  return { mean, interval: intervalOf(differences), effect, pairs: differences.length };
}
