/** Properties of the kernels that single methods have for themselves, each beside its definition. */

import { codewordGradients, codewordsOf, nearestCodewords, TAPS } from "../../ts/quantizers/codebook.ts";
import { simanWeights } from "../../ts/quantizers/magnitudes.ts";
import { rotationSides, turnedWeights } from "../../ts/quantizers/rotations.ts";
import fc from "../fast-check.ts";
import { lengths, numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const kernels = fc.record({ rows: fc.integer({ min: 1, max: 40 }), n: tails, seed: seeds });

/** The last element made NaN: what every kernel here must report. */
const broken = (values: Float32Array): Float32Array =>
  values.map((value, i) => (i === values.length - 1 ? Number.NaN : value));

const magnitudes = property("magnitudes about the middle of their filter", kernels, (bench, { rows, n, seed }) => {
  // Of few values, so that many are equal.
  const w = numbers(seed)
    .reals(rows * n)
    .map((value, i) => (i % 2 === 0 ? Math.round(4 * value) / 4 : value));
  const parameters = Float32Array.of(7, 12.5, 8, 9);
  const [out, slopes] = [bench.output(Float32Array, rows * n), bench.output(Float32Array, rows * n)];
  const given = { k: rows, n, parameters: bench.input(parameters), size: 4, place: 1 };
  const call = { ...given, sorted: bench.output(Float64Array, rows), out, slopes };
  status("standardize_magnitudes", bench.call(k.standardizeMagnitudes({ ...call, w: bench.input(w) })), 0);
  const { value, slope } = simanWeights(Float64Array.from(w), n, 12.5);
  sameBits("value", out.read(), Float32Array.from(value));
  sameBits("slope", slopes.read(), Float32Array.from(slope));
  const bad = bench.input(broken(w));
  status("standardize_magnitudes of NaN", bench.call(k.standardizeMagnitudes({ ...call, w: bad })), 1);
});

const rotations = property("filters turned toward a rotation", kernels, (bench, { rows, n, seed }) => {
  const random = numbers(seed);
  const [a, b] = rotationSides(rows);
  const [w, dw, slopes] = [random.reals(rows * n), random.reals(rows * n), random.reals(n)];
  const [left, right, angle] = [random.reals(a * a), random.reals(b * b), random.reals(n)];
  const { value, share, apart } = turnedWeights(Float64Array.from(w), n, { left, right, angle });
  const [out, found] = [bench.output(Float32Array, rows * n), bench.output(Float32Array, rows * n)];
  const given = { left: bench.input(left), right: bench.input(right), a, b, angles: bench.input(angle), n };
  const factors = bench.state(slopes);
  const call = { ...given, room: bench.output(Float64Array, rows), slopes: factors, apart: found, out };
  status("rotate_filters", bench.call(k.rotateFilters({ ...call, w: bench.input(w) })), 0);
  const size = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const height = size(w) * (1 + rows * size(left) * size(right));
  within("value", out.read(), value, () => 4 * unit * height);
  within("apart", found.read(), apart, () => 4 * unit * height);
  const wanted = Float64Array.from(slopes, (slope, f) => slope * (1 - share[f]!));
  within("slopes", factors.read(), wanted, (f) => 4 * unit * Math.abs(slopes[f]!));
  const gradient = bench.output(Float32Array, n);
  const back = { dw: bench.input(dw), apart: bench.input(found.read()), k: rows, angles: bench.input(angle), n };
  status("angle_gradients", bench.call(k.angleGradients({ ...back, out: gradient })), 0);
  const sums = Float64Array.from(angle, (beta, f) => {
    const sum = dw.reduce((total, g, i) => total + (i % n === f ? g * apart[i]! : 0), 0);
    return sum * Math.cos(beta) * (Math.sin(beta) < 0 ? -1 : 1);
  });
  within("gradient", gradient.read(), sums, () => 8 * unit * rows * size(dw) * height);
  status("rotate_filters of NaN", bench.call(k.rotateFilters({ ...call, w: bench.input(broken(w)) })), 1);
  const bad = { ...back, dw: bench.input(broken(dw)), out: gradient };
  status("angle_gradients of NaN", bench.call(k.angleGradients(bad)), 1);
});

const codebooks = property(
  "kernels as codewords",
  fc.record({ m: tails, n: fc.integer({ min: 1, max: 40 }), seed: seeds }),
  (bench, { m, n, seed }) => {
    const random = numbers(seed);
    // Of few values, so that many products are equal.
    const w = random.reals(TAPS * m).map((value, i) => (i % 2 === 0 ? Math.round(2 * value) / 2 : value));
    const dw = random.reals(TAPS * m);
    const codewords = codewordsOf(random.reals(n).map((value) => Math.floor(Math.abs(value) * 1000) % 512));
    const nearest = nearestCodewords(w, codewords);
    const [chosen, out] = [bench.output(Uint32Array, m), bench.output(Float32Array, TAPS * m)];
    const call = { m, codewords: bench.input(codewords), n, chosen, out };
    status("nearest_codewords", bench.call(k.nearestCodewords({ ...call, w: bench.input(w) })), 0);
    sameBits("value", out.read(), Float32Array.from(nearest.value));
    if (nearest.chosen.some((number, i) => number !== chosen.read()[i])) throw new Error("another codeword");
    const gradient = bench.output(Float32Array, TAPS * n);
    const back = {
      m,
      chosen: bench.input(chosen.read()),
      n,
      room: bench.output(Float64Array, TAPS * n),
      out: gradient,
    };
    status("codeword_gradients", bench.call(k.codewordGradients({ ...back, dw: bench.input(dw) })), 0);
    sameBits("gradient", gradient.read(), Float32Array.from(codewordGradients(dw, nearest, n)));
    status("nearest_codewords of NaN", bench.call(k.nearestCodewords({ ...call, w: bench.input(broken(w)) })), 1);
    status("codeword_gradients of NaN", bench.call(k.codewordGradients({ ...back, dw: bench.input(broken(dw)) })), 1);
  },
);

const sines = property(
  "squares of sines, and their gradient",
  fc.record({ n: lengths, seed: seeds }),
  (bench, { n, seed }) => {
    const random = numbers(seed);
    const [w, before, omega, factor] = [random.reals(n), random.reals(n), 20, 0.25];
    const [result, y] = [bench.output(Float64Array, 1), bench.state(before)];
    status("sine_square_sum", bench.call(k.sineSquareSum({ w: bench.input(w), count: n, omega, result })), 0);
    const sum = w.reduce((total, value) => total + Math.sin(omega * value) ** 2, 0);
    within("sum", result.read(), [sum], () => 1e-12 * (1 + n));
    status("add_sine_squares", bench.call(k.addSineSquares({ w: bench.input(w), omega, factor, y, count: n })), 0);
    const expected = Float64Array.from(w, (value, i) => before[i]! + factor * omega * Math.sin(2 * omega * value));
    within("gradient", y.read(), expected, (i) => 4 * unit * (Math.abs(before[i]!) + factor * omega));
    const bad = bench.input(broken(w));
    status("sine_square_sum of NaN", bench.call(k.sineSquareSum({ w: bad, count: n, omega, result })), 1);
  },
);

const images = fc.record({ images: fc.integer({ min: 1, max: 5 }), n: tails, seed: seeds });

const deviations = property("images over their deviation", images, (bench, { images: count, n, seed }) => {
  const random = numbers(seed);
  const [x, dy, before] = [random.reals(count * n), random.reals(count * n), random.reals(count * n)];
  const [y, saved] = [bench.output(Float32Array, count * n), bench.output(Float32Array, 2 * count)];
  const shape = { images: count, n };
  const forward = (given: Float32Array) =>
    bench.call(k.unitDeviationForward({ ...shape, x: bench.input(given), eps: 1e-5, y, saved }));
  status("unit_deviation_forward", forward(x), 0);
  const eps = Math.fround(1e-5);
  const found = y.read();
  for (let image = 0; image < count; image++) {
    const own = Float64Array.from(x.subarray(image * n, (image + 1) * n));
    const mean = own.reduce((sum, value) => sum + value / n, 0);
    const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, n - 1);
    const expected = own.map((value) => value / Math.sqrt(variance + eps));
    within("value", found.slice(image * n, (image + 1) * n), expected, (i) => 4 * unit * Math.abs(expected[i]!));
  }
  const back = { ...shape, x: bench.input(x), dy: bench.input(dy), saved: bench.input(saved.read()) };
  const dx = bench.output(Float32Array, count * n);
  const onto = bench.state(before);
  status("unit_deviation_backward", bench.call(k.unitDeviationBackward({ ...back, accumulate: false, dx })), 0);
  status("unit_deviation_backward", bench.call(k.unitDeviationBackward({ ...back, accumulate: true, dx: onto })), 0);
  const alone = dx.read();
  const [means, inverses] = [saved.read().filter((_, i) => i % 2 === 0), saved.read().filter((_, i) => i % 2 === 1)];
  const products = Float64Array.from(means, (_, image) => {
    let sum = 0;
    for (let i = image * n; i < (image + 1) * n; i++) sum += x[i]! * dy[i]!;
    return (sum * inverses[image]! ** 3) / Math.max(1, n - 1);
  });
  const of = (i: number): number => Math.floor(i / n);
  const expected = Float64Array.from(
    dy,
    (value, i) => value * inverses[of(i)]! - (x[i]! - means[of(i)]!) * products[of(i)]!,
  );
  const height = (i: number): number =>
    Math.abs(dy[i]! * inverses[of(i)]!) + Math.abs((x[i]! - means[of(i)]!) * products[of(i)]!);
  within("gradient", alone, expected, (i) => 4 * unit * height(i) + 1e-20);
  sameBits(
    "sum",
    onto.read(),
    alone.map((value, i) => before[i]! + value),
  );
  status("unit_deviation_forward of NaN", forward(broken(x)), 1);
});

/** The best of all directions of `inputs` signs for a neuron, the least number of equal ones; bit k says that sign k is +1. */
function bestOf(x: Float32Array, y: Float64Array, inputs: number): number {
  const sign = (value: number): number => (value >= 0 ? 1 : -1);
  let [best, most] = [0, Number.NEGATIVE_INFINITY];
  for (let v = 0; v < 2 ** inputs; v++) {
    let sum = 0;
    for (const [row, wanted] of y.entries()) {
      let dot = 0;
      for (let i = 0; i < inputs; i++) dot += sign(x[row * inputs + i]!) * (Math.floor(v / 2 ** i) % 2 === 1 ? 1 : -1);
      sum += wanted * sign(dot);
    }
    if (sum > most) [best, most] = [v, sum];
  }
  return best;
}

const searches = property(
  "directions of signs",
  fc.record({ inputs: fc.integer({ min: 1, max: 7 }), rows: fc.integer({ min: 1, max: 9 }), seed: seeds }),
  (bench, { inputs, rows, seed }) => {
    const random = numbers(seed);
    const outputs = 3;
    const [x, dy] = [random.reals(rows * inputs), random.reals(rows * outputs)];
    const signs = bench.output(Uint32Array, rows);
    status("pack_rows", bench.call(k.packRows({ x: bench.input(x), rows, n: inputs, out: signs })), 0);
    const packed = signs.read();
    for (const [row, word] of packed.entries()) {
      for (let i = 0; i < 32; i++) {
        const wanted = i < inputs && x[row * inputs + i]! >= 0 ? 1 : 0;
        if (((word >>> i) & 1) !== wanted) throw new Error(`bit ${i} of row ${row}`);
      }
    }
    const out = bench.output(Float32Array, inputs * outputs);
    const room = bench.output(Uint32Array, 2 * rows + 2);
    const given = {
      x: bench.input(packed),
      rows,
      inputs,
      outputs,
      sweeps: 2,
      draws: bench.input(Float32Array.of(1, 2, 3)),
    };
    const call = { ...given, room, out };
    const all = { first: 0, count: outputs, dy: bench.input(dy) };
    status("search_signs", bench.call(k.searchSigns({ ...call, ...all })), 0);
    const found = out.read();
    for (let neuron = 0; neuron < outputs; neuron++) {
      const y = Float64Array.from({ length: rows }, (_, row) => -dy[row * outputs + neuron]!);
      const best = bestOf(x, y, inputs);
      for (let i = 0; i < inputs; i++) {
        const wanted = Math.floor(best / 2 ** i) % 2 === 1 ? -1 : 1;
        if (found[i * outputs + neuron] !== wanted) throw new Error(`sign ${i} of neuron ${neuron}`);
      }
    }
    const bad = { first: 0, count: outputs, dy: bench.input(broken(dy)) };
    status("search_signs of NaN", bench.call(k.searchSigns({ ...call, ...bad })), 1);
  },
);

const steps = property("steps along a direction", fc.record({ n: lengths, seed: seeds }), (bench, { n, seed }) => {
  const random = numbers(seed);
  const [before, signs] = [random.reals(n), random.reals(n).map((value) => (value >= 0 ? 1 : -1))];
  for (const [projected, clip] of [
    [0, 0],
    [0, 0.5],
    [1, 0.5],
  ] as const) {
    const weights = bench.state(before);
    const hyper = bench.input(Float32Array.of(0.25, projected, 0, 0, 0, clip));
    const call = { gradient: bench.input(signs), count: n, hyper };
    status("direction_step", bench.call(k.directionStep({ ...call, weights })), 0);
    const moved = before.map((value, i) => value - 0.25 * signs[i]!);
    const bound = clip === 0 ? Number.POSITIVE_INFINITY : clip;
    const wanted = moved.map((value) =>
      projected === 1 ? (value >= 0 ? 1 : -1) : Math.max(-bound, Math.min(bound, value)),
    );
    within("weights", weights.read(), wanted, () => 0);
    status("direction_step of NaN", bench.call(k.directionStep({ ...call, weights: bench.state(broken(before)) })), 1);
  }
});

export const methodProperties = [magnitudes, rotations, codebooks, sines, deviations, searches, steps];
