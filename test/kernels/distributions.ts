/** Properties of terms over the distribution of weights, and of the contrast between two embeddings of a batch. */
import fc from "../fast-check.ts";
import { numbers, seeds } from "./arbitrary.ts";
import { at, k } from "./bench.ts";
import { status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const kernels = fc.record({ n: fc.integer({ min: 4, max: 80 }), first: fc.integer({ min: 0, max: 3 }), seed: seeds });

const kurtosis = property("the kurtosis of weights, and its slopes", kernels, (bench, { n, first, seed }) => {
  const random = numbers(seed);
  const [w, before] = [random.reals(n), random.reals(n - first)];
  const [target, factor] = [Math.fround(1.8), 0.25];
  const [moments, result] = [bench.output(Float64Array, 4), bench.output(Float64Array, 1)];
  const weights = bench.input(w);
  status("kurtosis", bench.call(k.kurtosis({ weights, count: n, target, moments, result })), 0);
  const mean = meanOf([...w]);
  const scale = 1 / Math.sqrt((meanOf([...w].map((x) => (x - mean) ** 2)) * n) / (n - 1));
  const z = [...w].map((x) => (x - mean) * scale);
  const [third, fourth] = [meanOf(z.map((x) => x ** 3)), meanOf(z.map((x) => x ** 4))];
  const found = moments.read();
  const wanted = [mean, scale, third, fourth];
  within("moments", found, wanted, (i) => 1e-10 * (1 + Math.abs(wanted[i]!)));
  within("squares", result.read(), [(fourth - target) ** 2], () => 1e-9 * (1 + fourth) ** 2);
  const y = bench.state(before);
  const known = { weights: at(weights, 4 * first), moments: bench.input(found), size: n, target, factor };
  status("add_kurtosis_slopes", bench.call(k.addKurtosisSlopes({ ...known, y, count: n - first })), 0);
  const slopes = z.slice(first).map((x) => {
    const slope = 4 * scale * ((x ** 3 - third) / n - (fourth * x) / (n - 1));
    return factor * 2 * (fourth - target) * slope;
  });
  const expected = before.map((value, i) => value + slopes[i]!);
  within("slopes", y.read(), expected, (i) => 3 * unit * (Math.abs(before[i]!) + Math.abs(slopes[i]!)) + 1e-9);
  const flat = bench.input(new Float32Array(n).fill(0.5));
  status("kurtosis of equal weights", bench.call(k.kurtosis({ weights: flat, count: n, target, moments, result })), 1);
});

const divergence = property("the divergence of weights, and its slopes", kernels, (bench, { n, first, seed }) => {
  const random = numbers(seed);
  const [w, t, before] = [random.reals(n), random.reals(n), random.reals(n - first)];
  const [temperature, factor] = [0.5, 0.25];
  const [weights, teacher] = [bench.input(w), bench.input(t)];
  const [normalizers, result] = [bench.output(Float64Array, 4), bench.output(Float64Array, 1)];
  const given = { weights, teacher, count: n, temperature, normalizers, result };
  status("weight_divergence", bench.call(k.weightDivergence(given)), 0);
  const shares = (values: Float32Array): number[] => {
    const heights = [...values].map((value) => Math.exp(value / temperature));
    const sum = heights.reduce((total, height) => total + height, 0);
    return heights.map((height) => height / sum);
  };
  const [q, p] = [shares(w), shares(t)];
  within("divergence", result.read(), [p.reduce((sum, own, i) => sum + own * Math.log(own / q[i]!), 0)], () => 1e-12);
  const y = bench.state(before);
  const from = { weights: at(weights, 4 * first), teacher: at(teacher, 4 * first), y, count: n - first };
  const known = { normalizers: bench.input(normalizers.read()), temperature, factor };
  status("add_divergence_slopes", bench.call(k.addDivergenceSlopes({ ...from, ...known })), 0);
  const expected = before.map((value, i) => value + (factor * (q[first + i]! - p[first + i]!)) / temperature);
  within("slopes", y.read(), expected, (i) => 3 * unit * (Math.abs(before[i]!) + 1));
  const broken = bench.input(w.map((value, i) => (i === n - 1 ? Number.NaN : value)));
  const bad = k.weightDivergence({ ...given, weights: broken });
  status("weight_divergence of NaN", bench.call(bad), 1);
});

const batches = fc.record({
  rows: fc.integer({ min: 1, max: 9 }),
  size: fc.integer({ min: 1, max: 11 }),
  cut: fc.integer({ min: 0, max: 9 }),
  accumulate: fc.boolean(),
  seed: seeds,
});

const contrast = property("contrast within a batch, in lanes", batches, (bench, options) => {
  const { rows, size, accumulate, seed } = options;
  const cut = Math.min(options.cut, rows - 1);
  const lanes = [
    { first: 0, rows: cut },
    { first: cut, rows: rows - cut },
  ].filter((lane) => lane.rows > 0);
  const random = numbers(seed);
  const [temperature, factor] = [0.5, 0.25];
  const sides = [random.between(rows * size, 0.1, 2), random.between(rows * size, 0.1, 2)].map((values) => {
    const [units, inverses] = [bench.output(Float32Array, rows * size), bench.output(Float64Array, rows)];
    for (const lane of lanes) {
      const x = bench.input(values.slice(lane.first * size, (lane.first + lane.rows) * size));
      const into = { units: at(units, 4 * lane.first * size), inverses: at(inverses, 8 * lane.first) };
      status("unit_rows", bench.call(k.unitRows({ x, rows: lane.rows, size, ...into })), 0);
    }
    const read = { units: units.read(), inverses: inverses.read() };
    const rowsOf = Array.from({ length: rows }, (_, i) => [...values.subarray(i * size, (i + 1) * size)]);
    const norms = rowsOf.map((row) => Math.hypot(...row));
    within(
      "inverses",
      read.inverses,
      norms.map((norm) => 1 / norm),
      (i) => 1e-12 / norms[i]!,
    );
    within(
      "units",
      read.units,
      rowsOf.flatMap((row, i) => row.map((x) => x / norms[i]!)),
      () => unit,
    );
    return read;
  });
  const [u, v] = sides as [(typeof sides)[number], (typeof sides)[number]];
  const dot = (i: number, j: number): number =>
    Array.from({ length: size }, (_, n) => u.units[i * size + n]! * v.units[j * size + n]!).reduce((a, b) => a + b, 0);
  const logits = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: rows }, (_, j) => dot(i, j) / temperature),
  );
  const sums = bench.output(Float64Array, rows);
  const losses = lanes.map((lane) => {
    const result = bench.output(Float64Array, 1);
    const own = bench.input(u.units.slice(lane.first * size, (lane.first + lane.rows) * size));
    const given = { u: own, v: bench.input(v.units), ...lane, all: rows, size, temperature };
    status("contrast", bench.call(k.contrast({ ...given, sums: at(sums, 8 * lane.first), result })), 0);
    return result.read()[0]!;
  });
  const logSums = logits.map((row) => Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)));
  within("sums", sums.read(), logSums, () => 1e-11);
  const total = logSums.reduce((sum, own, i) => sum + own - logits[i]![i]!, 0);
  within("losses", [losses.reduce((sum, loss) => sum + loss, 0)], [total], () => 1e-10 * rows);
  for (const candidates of [false, true]) {
    const [own, others] = candidates ? [v, u] : [u, v];
    const before = random.reals(rows * size);
    const gradient = bench.state(before);
    for (const lane of lanes) {
      const mine = own.units.slice(lane.first * size, (lane.first + lane.rows) * size);
      const inverses = bench.input(own.inverses.slice(lane.first, lane.first + lane.rows));
      const given = { own: bench.input(mine), inverses, others: bench.input(others.units), ...lane, all: rows, size };
      const how = { sums: bench.input(sums.read()), temperature, candidates, factor, accumulate };
      const scratch = bench.output(Float64Array, rows + size);
      const into = { scratch, gradient: at(gradient, 4 * lane.first * size) };
      status("contrast_slopes", bench.call(k.contrastSlopes({ ...given, ...how, ...into })), 0);
    }
    const expected = before.map((value, at) => {
      const [i, n] = [Math.floor(at / size), at % size];
      const pulls = Array.from({ length: rows }, (_, j) => {
        const [anchor, candidate] = candidates ? [j, i] : [i, j];
        return Math.exp(logits[anchor]![candidate]! - logSums[anchor]!) - Number(i === j);
      });
      const along = pulls.reduce((sum, pull, j) => sum + pull * (candidates ? dot(j, i) : dot(i, j)), 0);
      const across = pulls.reduce((sum, pull, j) => sum + pull * others.units[j * size + n]!, 0);
      const slope = (factor * own.inverses[i]! * (across - own.units[at]! * along)) / temperature;
      return (accumulate ? value : 0) + slope;
    });
    within(
      "gradient",
      gradient.read(),
      expected,
      (i) => 3 * unit * (Math.abs(before[i]!) + Math.abs(expected[i]!)) + 1e-9,
    );
  }
});

export const distributionProperties = [kurtosis, divergence, contrast];
