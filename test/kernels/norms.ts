/** Properties of batch norm: statistics, forward, folded and backward. */
import fc from "../fast-check.ts";
import { convolutions, numbers, seeds, tails } from "./arbitrary.ts";
import { at, k, type Tensor } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { inputPixels } from "./naive.ts";
import { bitsOf, nibbles } from "./naive-bits.ts";
import { property } from "./property.ts";

type Out = Tensor<Float32Array>;

const rowsAndColumns = fc.record({
  laneRows: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }),
  c: tails,
  seed: seeds,
});

/** Adds the column sums of `terms(row, channel)` over rows of `c` channels in f64. */
function columns(x: Float32Array, c: number, term: (i: number, channel: number) => number): Float64Array {
  const sums = new Float64Array(c);
  for (let i = 0; i < x.length; i++) sums[i % c]! += term(i, i % c);
  return sums;
}

/** A batch cut into lanes, and its statistics by definition. */
function batchOf(laneRows: readonly number[], c: number, seed: number) {
  const random = numbers(seed);
  const rows = laneRows.reduce((sum, lane) => sum + lane, 0);
  const offset = random.reals(c);
  const x = random.reals(rows * c).map((value, i) => value + offset[i % c]!);
  const mean = columns(x, c, (i) => x[i]!).map((sum) => sum / rows);
  const variance = columns(x, c, (i, channel) => (x[i]! - mean[channel]!) ** 2).map((sum) => sum / rows);
  const starts = laneRows.map((_, lane) => laneRows.slice(0, lane).reduce((sum, before) => sum + before * c, 0));
  const lanes = laneRows.map((count, lane) => x.slice(starts[lane]!, starts[lane]! + count * c));
  return { random, rows, x, mean, variance, starts, lanes };
}

/** Relative error of the f64 statistics themselves: cancellation in sum(x^2)/n - mean^2, with abs(x) at most 4. */
const f64Noise = 2 ** -40;

const normForward = property(
  "batch norm forward over lanes: mean, deviation, running statistics, values",
  rowsAndColumns,
  (bench, { laneRows, c, seed }) => {
    const { random, rows, mean, variance, starts, lanes, x } = batchOf(laneRows, c, seed);
    const [gamma, beta] = [random.reals(c), random.reals(c)];
    const [epsilon, momentum] = [Math.fround(1e-3), Math.fround(random.below(11) / 10)];
    const before = Float32Array.from([...random.reals(c), ...random.between(c, 0, 3)]);
    const partials = bench.output(Float64Array, 2 * c * lanes.length);
    const sources = lanes.map((values) => bench.input(values));
    sources.forEach((source, lane) => {
      status(
        "norm_partial",
        bench.call(
          k.normPartial({ x: source, rows: laneRows[lane]!, channels: c, partial: at(partials, 16 * c * lane) }),
        ),
        0,
      );
    });
    const sums = partials.read();
    lanes.forEach((values, lane) => {
      const expected = [...columns(values, c, (i) => values[i]!), ...columns(values, c, (i) => values[i]! ** 2)];
      sameNumbers("partial sums", sums.slice(2 * c * lane, 2 * c * (lane + 1)), expected);
    });

    const constants = { channels: c, gamma: bench.input(gamma), beta: bench.input(beta), eps: epsilon };
    const [running, share] = [bench.state(before), bench.input(Float32Array.of(momentum))];
    const y = new Float32Array(rows * c);
    let saved = new Float32Array(0);
    sources.forEach((source, lane) => {
      const part = bench.output(Float32Array, laneRows[lane]! * c);
      const kept = bench.output(Float32Array, 2 * c);
      const [scale, shift] = [bench.output(Float32Array, c), bench.output(Float32Array, c)];
      const sizes = { partials, lanes: lanes.length, totalRows: rows, ...constants };
      const results = { saved: kept, scale, shift, running: lane === 0 ? running : null, momentum: share };
      status("norm_statistics", bench.call(k.normStatistics({ ...sizes, ...results })), 0);
      const operands = { x: source, rows: laneRows[lane]!, channels: c, scale, shift, residual: null };
      status("normalize", bench.call(k.normalize({ ...operands, out: part, next: null, nextBits: null })), 0);
      y.set(part.read(), starts[lane]!);
      if (lane > 0) sameBits("statistics of every lane", kept.read(), saved);
      saved = kept.read();
    });
    const deviation = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    within("mean", saved.subarray(0, c), mean, (i) => unit * Math.abs(mean[i]!) + f64Noise);
    within("1/deviation", saved.subarray(c), deviation, (i) => (2 * unit + f64Noise / epsilon) * deviation[i]!);
    // y = x * scale + (beta - mean * scale): eight roundings of terms of these sizes.
    const scale = deviation.map((value, i) => value * gamma[i]!);
    const expected = Float64Array.from(x, (value, i) => (value - mean[i % c]!) * scale[i % c]! + beta[i % c]!);
    within("y", y, expected, (i) => {
      const scaled = (Math.abs(x[i]!) + Math.abs(mean[i % c]!)) * Math.abs(scale[i % c]!);
      return (8 * unit + f64Noise / epsilon) * (scaled + Math.abs(beta[i % c]!));
    });
    const unbiased = variance.map((value) => (rows > 1 ? (value * rows) / (rows - 1) : value));
    const batch = [...mean, ...unbiased];
    const after = batch.map((value, i) => before[i]! * (1 - momentum) + momentum * value);
    within(
      "running statistics",
      running.read(),
      after,
      (i) => 4 * unit * (Math.abs(before[i]!) + Math.abs(batch[i]!)) + f64Noise,
    );
    const broken = bench.input(sums.map((value, i) => (i === c - 1 ? Number.NaN : value)));
    const [kept, scales, shifts] = [2 * c, c, c].map((length) => bench.output(Float32Array, length)) as [Out, Out, Out];
    const spare = { saved: kept, scale: scales, shift: shifts, running: null, momentum: null };
    const sizes = { lanes: lanes.length, totalRows: rows, ...constants };
    const call = k.normStatistics({ partials: broken, ...sizes, ...spare });
    status("norm_statistics of NaN", bench.call(call), 1);
  },
);

const normalize = property(
  "scale and shift, residual and signs in one pass",
  convolutions,
  (bench, { shape, seed }) => {
    const random = numbers(seed);
    const c = shape.channels;
    const rows = inputPixels(shape);
    const [x, residual] = [random.reals(rows * c), random.reals(rows * c)];
    const [scale, shift] = [random.reals(c), random.reals(c)];
    const affine = x.map((value, i) => Math.fround(value * scale[i % c]!) + shift[i % c]!);
    const sum = affine.map((value, i) => value + residual[i]!);
    const descriptor = bench.shape(shape);
    const empty = nibbles(shape, new Uint8Array(rows * c));
    const factors = { rows, channels: c, scale: bench.input(scale), shift: bench.input(shift) };
    for (const [added, expected] of [
      [null, affine],
      [bench.input(residual), sum],
    ] as const) {
      const [y, signs] = [bench.output(Float32Array, x.length), bench.state(empty)];
      const target = { residual: added, out: y, next: descriptor, nextBits: signs };
      status("normalize", bench.call(k.normalize({ x: bench.input(x), ...factors, ...target })), 0);
      sameBits("y", y.read(), expected);
      sameBits("signs", signs.read(), nibbles(shape, bitsOf(expected)));
    }
    x[random.below(x.length)] = Number.NaN;
    const y = bench.output(Float32Array, x.length);
    const target = { residual: null, out: y, next: null, nextBits: null };
    status("normalize of NaN", bench.call(k.normalize({ x: bench.input(x), ...factors, ...target })), 1);
  },
);

const normFold = property(
  "batch norm folded to scale and shift, and applied",
  fc.record({ rows: fc.integer({ min: 1, max: 40 }), c: tails, seed: seeds }),
  (bench, { rows, c, seed }) => {
    const random = numbers(seed);
    const [gamma, beta, epsilon] = [random.reals(c), random.reals(c), Math.fround(1e-3)];
    const running = Float32Array.from([...random.reals(c), ...random.between(c, 0, 3)]);
    const [scale, shift] = [bench.output(Float32Array, c), bench.output(Float32Array, c)];
    const inputs = { gamma: bench.input(gamma), beta: bench.input(beta), eps: epsilon, channels: c };
    status("norm_fold", bench.call(k.normFold({ ...inputs, running: bench.input(running), scale, shift })), 0);
    const [scales, shifts] = [scale.read(), shift.read()];
    const exact = Float64Array.from(gamma, (value, i) => value / Math.sqrt(running[c + i]! + epsilon));
    within("scale", scales, exact, (i) => 3 * unit * Math.abs(exact[i]!));
    const moved = Float64Array.from(beta, (value, i) => value - running[i]! * exact[i]!);
    within("shift", shifts, moved, (i) => 5 * unit * (Math.abs(beta[i]!) + Math.abs(running[i]! * exact[i]!)));

    const unknown = bench.input(running.map((value, i) => (i === 2 * c - 1 ? Number.NaN : value)));
    const spare = { scale: bench.output(Float32Array, c), shift: bench.output(Float32Array, c) };
    status("norm_fold of NaN", bench.call(k.normFold({ ...inputs, running: unknown, ...spare })), 1);

    const x = random.reals(rows * c);
    const y = bench.output(Float32Array, x.length);
    status("affine", bench.call(k.affine({ x: bench.input(x), rows, channels: c, scale, shift, y })), 0);
    sameBits(
      "y",
      y.read(),
      x.map((value, i) => Math.fround(value * scales[i % c]!) + shifts[i % c]!),
    );
    x[random.below(x.length)] = Number.NaN;
    status("affine of NaN", bench.call(k.affine({ x: bench.input(x), rows, channels: c, scale, shift, y })), 1);
  },
);

const normBackward = property(
  "batch norm backward over lanes: gradients at input, gamma and beta",
  rowsAndColumns,
  (bench, { laneRows, c, seed }) => {
    const { random, rows, x, mean, variance, starts, lanes } = batchOf(laneRows, c, seed);
    const [dy, gamma] = [random.reals(x.length), random.reals(c)];
    const saved = Float32Array.from([...mean, ...variance.map((value) => 1 / Math.sqrt(value + 1e-3))]);
    const normal = Float64Array.from(x, (value, i) => (value - saved[i % c]!) * saved[c + (i % c)]!);
    const partials = bench.output(Float64Array, 2 * c * lanes.length);
    const operands = lanes.map((values, lane) => {
      const gradient = dy.slice(starts[lane]!, starts[lane]! + values.length);
      const sizes = { rows: laneRows[lane]!, channels: c };
      return { x: bench.input(values), dy: bench.input(gradient), ...sizes, saved: bench.input(saved) };
    });
    operands.forEach((operand, lane) => {
      const call = k.normBackwardPartial({ ...operand, partial: at(partials, 16 * c * lane) });
      status("norm_backward_partial", bench.call(call), 0);
    });
    const [sum, product] = [columns(dy, c, (i) => dy[i]!), columns(dy, c, (i) => dy[i]! * normal[i]!)];
    const size = columns(dy, c, (i) => Math.abs(dy[i]! * normal[i]!) + Math.abs(dy[i]!));
    const dx = new Float32Array(x.length);
    const [gradientGamma, gradientBeta] = [bench.output(Float32Array, c), bench.output(Float32Array, c)];
    operands.forEach((operand, lane) => {
      const part = bench.output(Float32Array, laneRows[lane]! * c);
      const batch = { ...operand, gamma: bench.input(gamma), partials, lanes: lanes.length, totalRows: rows };
      const [dgamma, dbeta] = lane === 0 ? [gradientGamma, gradientBeta] : [null, null];
      const call = k.normBackward({ ...batch, accumulate: false, dx: part, dgamma, dbeta });
      status("norm_backward", bench.call(call), 0);
      dx.set(part.read(), starts[lane]!);
      const added = bench.state(random.reals(laneRows[lane]! * c));
      const sums = added.read().map((value, i) => value + part.read()[i]!);
      const onto = k.normBackward({ ...batch, accumulate: true, dx: added, dgamma: null, dbeta: null });
      status("norm_backward onto what is there", bench.call(onto), 0);
      sameBits("dx, added", added.read(), sums);
    });
    within("dbeta", gradientBeta.read(), sum, (i) => unit * Math.abs(sum[i]!) + f64Noise * size[i]!);
    within("dgamma", gradientGamma.read(), product, (i) => unit * Math.abs(product[i]!) + f64Noise * size[i]!);
    const scale = Float64Array.from(gamma, (value, i) => value * saved[c + i]!);
    const expected = Float64Array.from(dx, (_, i) => {
      const channel = i % c;
      return scale[channel]! * (dy[i]! - sum[channel]! / rows - (normal[i]! * product[channel]!) / rows);
    });
    within("dx", dx, expected, (i) => {
      const [channel, inverse] = [i % c, saved[c + (i % c)]!];
      const normalSize = (Math.abs(x[i]!) + Math.abs(saved[channel]!)) * inverse;
      const terms = Math.abs(dy[i]!) + (size[channel]! / rows) * (1 + normalSize);
      return 8 * unit * Math.abs(scale[channel]!) * terms;
    });
    const sums = bench.input(partials.read().map((value, i) => (i === 2 * c - 1 ? Number.NaN : value)));
    const spare = { dx: bench.output(Float32Array, laneRows[0]! * c), dgamma: null, dbeta: null };
    const batch = { gamma: bench.input(gamma), partials: sums, lanes: lanes.length, totalRows: rows };
    const bad = k.normBackward({ ...operands[0]!, ...batch, accumulate: false, ...spare });
    status("norm_backward of NaN", bench.call(bad), 1);
  },
);

export const normProperties = [normForward, normalize, normFold, normBackward];
