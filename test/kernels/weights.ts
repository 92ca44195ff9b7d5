/**
 * Properties of what quantizers do to latent weights before their maps: scales, standardisation, the factors on the way
 * back.
 */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const kernels = fc.record({ rows: fc.integer({ min: 1, max: 40 }), n: tails, seed: seeds });

/** The last element made NaN: what every kernel here must report. */
const broken = (values: Float32Array): Float32Array =>
  values.map((value, i) => (i === values.length - 1 ? Number.NaN : value));

/** Means in f64 of `term` over the rows of each of `n` columns. */
function means(w: Float32Array, n: number, term: (value: number, column: number) => number): Float64Array {
  const sums = new Float64Array(n);
  w.forEach((value, i) => {
    sums[i % n]! += term(value, i % n);
  });
  return sums.map((sum) => sum / (w.length / n));
}

const scales = property("mean magnitudes by filter and of the whole kernel", kernels, (bench, { rows, n, seed }) => {
  const w = numbers(seed).reals(rows * n);
  const byFilter = means(w, n, Math.abs);
  const whole = byFilter.reduce((sum, mean) => sum + mean, 0) / n;
  for (const [flag, expected] of [
    [false, byFilter],
    [true, byFilter.map(() => whole)],
  ] as const) {
    const out = bench.output(Float32Array, n);
    status("weight_scale", bench.call(k.weightScale({ w: bench.input(w), k: rows, n, whole: flag, out })), 0);
    within("scale", out.read(), expected, (i) => 2 * unit * expected[i]!);
    const bad = bench.input(broken(w));
    status("weight_scale of NaN", bench.call(k.weightScale({ w: bad, k: rows, n, whole: flag, out })), 1);
  }
});

const filters = property("weights standardised by filter", kernels, (bench, { rows, n, seed }) => {
  const w = numbers(seed).reals(rows * n);
  const mean = means(w, n, (value) => value);
  const deviation = means(w, n, (value, column) => (value - mean[column]!) ** 2).map((square) =>
    Math.sqrt(square + 1e-8),
  );
  for (const gain of [1, Math.fround(2 * Math.SQRT2)]) {
    const [out, statistics] = [bench.output(Float32Array, rows * n), bench.output(Float32Array, 3 * n)];
    const call = { k: rows, n, gain, out, statistics };
    status("standardize_filters", bench.call(k.standardizeFilters({ ...call, w: bench.input(w) })), 0);
    const found = statistics.read();
    // The deviation is taken from the rounded mean, and its square rounded: near 0 the floor of 1e-8 bounds what that does.
    const spread = (i: number): number => 8 * unit * deviation[i]! + 4 * unit * Math.abs(mean[i]!);
    const slope = deviation.map((value) => gain / value);
    within("slope", found.slice(0, n), slope, (i) => (slope[i]! * spread(i)) / deviation[i]! + unit * slope[i]!);
    within("deviation", found.slice(n, 2 * n), deviation, spread);
    within("mean", found.slice(2 * n), mean, (i) => 2 * unit * Math.abs(mean[i]!) + 1e-12);
    const expected = Float64Array.from(w, (value, i) => (value - found[2 * n + (i % n)]!) * found[i % n]!);
    within("standardised", out.read(), expected, (i) => 2 * unit * Math.abs(expected[i]!));
    status("standardize_filters of NaN", bench.call(k.standardizeFilters({ ...call, w: bench.input(broken(w)) })), 1);
  }
});

const flat = fc.record({ n: lengths, seed: seeds, size: fc.constantFrom(0.01, 1, 6) });

const hyperbolic = property("tanh over its largest magnitude", flat, (bench, { n, seed, size }) => {
  const w = numbers(seed)
    .reals(n)
    .map((value) => value * size);
  const [out, slopes] = [bench.output(Float32Array, n), bench.output(Float32Array, n)];
  status("standardize_tanh", bench.call(k.standardizeTanh({ w: bench.input(w), count: n, out, slopes })), 0);
  const most = w.reduce((largest, value) => Math.max(largest, Math.abs(Math.tanh(value))), 1e-6);
  const value = Float64Array.from(w, (x) => Math.tanh(x) / most);
  const slope = Float64Array.from(w, (x) => (1 - Math.tanh(x) ** 2) / most);
  // 5 units of tanh and 13 of sech^2 (crates/kernels/src/math.rs), as many of the maximum, a division.
  within("value", out.read(), value, (i) => 12 * unit * Math.abs(value[i]!));
  within("slope", slopes.read(), slope, (i) => 24 * unit * slope[i]! + 1e-15);
  status(
    "standardize_tanh of NaN",
    bench.call(k.standardizeTanh({ w: bench.input(broken(w)), count: n, out, slopes })),
    1,
  );
});

const sine = property("sine of the weights", flat, (bench, { n, seed, size }) => {
  const w = numbers(seed).reals(n);
  const omega = Math.fround(20 * size);
  const [out, slopes] = [bench.output(Float32Array, n), bench.output(Float32Array, n)];
  status("standardize_sine", bench.call(k.standardizeSine({ w: bench.input(w), count: n, omega, out, slopes })), 0);
  const angles = Float64Array.from(w, (value) => omega * value);
  within("value", out.read(), angles.map(Math.sin), () => 2 * unit);
  within(
    "slope",
    slopes.read(),
    angles.map((angle) => omega * Math.cos(angle)),
    () => 2 * unit * omega,
  );
  status(
    "standardize_sine of NaN",
    bench.call(k.standardizeSine({ w: bench.input(broken(w)), count: n, omega, out, slopes })),
    1,
  );
});

const widths = property(
  "quantiles of Laplace's distribution",
  fc.record({ n: lengths, seed: seeds, tau: fc.constantFrom(0.5, 0.85, 0.99), place: fc.nat({ max: 3 }) }),
  (bench, { n, seed, tau, place }) => {
    const w = numbers(seed).reals(n);
    const parameters = Float32Array.of(0.25, 0.5, 0.75, 1).fill(tau, place, place + 1);
    const out = bench.output(Float32Array, 4);
    const call = { count: n, parameters: bench.input(parameters), size: 4, place, out };
    status("quantile_width", bench.call(k.quantileWidth({ ...call, w: bench.input(w) })), 0);
    const mean = w.reduce((sum, value) => sum + Math.abs(value) / n, 0);
    const width = -mean * Math.log(2 - 2 * parameters[place]!);
    const expected = Float64Array.from(parameters, (value, i) => (i === place ? width : value));
    within("parameters", out.read(), expected, (i) => (i === place ? 2 * unit * width + 1e-12 : 0));
    status("quantile_width of NaN", bench.call(k.quantileWidth({ ...call, w: bench.input(broken(w)) })), 1);
  },
);

const factors = property(
  "factors of columns, on a part of a kernel",
  fc.record({ count: fc.nat({ max: 300 }), first: fc.nat({ max: 300 }), n: tails, seed: seeds }),
  (bench, { count, first, n, seed }) => {
    const random = numbers(seed);
    const [y, given] = [random.reals(count), random.reals(n)];
    const found = bench.state(y);
    status(
      "multiply_columns",
      bench.call(k.multiplyColumns({ y: found, count, factors: bench.input(given), n, first })),
      0,
    );
    sameBits(
      "products",
      found.read(),
      y.map((value, i) => value * given[(first + i) % n]!),
    );
  },
);

export const weightProperties = [scales, filters, hyperbolic, sine, widths, factors];
