/** Properties of what training needs beside the products: norms, pools, loss, optimizers. */
import fc from "../fast-check.ts";
import { convolutions, lengths, numbers, pools, seeds, tails } from "./arbitrary.ts";
import { at, k, type Tensor } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { avgPool, avgPoolGradient, inputPixels, maxPool, maxPoolGradient, outputPixels } from "./naive.ts";
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

const pool = property("max-pool of reals and its gradient", pools, (bench, { shape, seed }) => {
  const random = numbers(seed);
  // Few different values, so that ties are common.
  const x = Float32Array.from({ length: inputPixels(shape) * shape.channels }, () => random.below(7) - 3);
  const expected = maxPool(shape, x);
  const descriptor = bench.shape(shape);
  const [y, argmax] = [bench.output(Float32Array, expected.y.length), bench.output(Uint8Array, expected.y.length)];
  status("max_pool", bench.call(k.maxPool({ shape: descriptor, x: bench.input(x), y, argmax })), 0);
  sameNumbers("y", y.read(), expected.y);
  sameBits("argmax", argmax.read(), expected.argmax);
  const values = bench.output(Float32Array, expected.y.length);
  status(
    "max_pool without positions",
    bench.call(k.maxPool({ shape: descriptor, x: bench.input(x), y: values, argmax: null })),
    0,
  );
  sameNumbers("values", values.read(), expected.y);
  const dy = random.reals(outputPixels(shape) * shape.channels);
  const dx = bench.output(Float32Array, x.length);
  status(
    "max_pool_backward",
    bench.call(k.maxPoolBackward({ shape: descriptor, dy: bench.input(dy), argmax, accumulate: false, dx })),
    0,
  );
  sameNumbers("dx", dx.read(), maxPoolGradient(shape, dy, expected.argmax));
  // Halves, so that no sum is rounded.
  const [halves, before] = [dy.map((value) => Math.round(value * 2) / 2), x];
  const onto = bench.state(before);
  status(
    "max_pool_backward",
    bench.call(k.maxPoolBackward({ shape: descriptor, dy: bench.input(halves), argmax, accumulate: true, dx: onto })),
    0,
  );
  const added = maxPoolGradient(shape, halves, expected.argmax).map((value, i) => value + before[i]!);
  sameNumbers("dx, added", onto.read(), added);
  const unknown = bench.input(new Float32Array(x.length).fill(Number.NaN));
  status("max_pool of NaN", bench.call(k.maxPool({ shape: descriptor, x: unknown, y, argmax })), 1);
  status(
    "max_pool of NaN without positions",
    bench.call(k.maxPool({ shape: descriptor, x: unknown, y, argmax: null })),
    1,
  );
});

const means = property("average pool and its gradient", pools, (bench, { shape, seed }) => {
  const random = numbers(seed);
  const x = random.reals(inputPixels(shape) * shape.channels);
  const descriptor = bench.shape(shape);
  const y = bench.output(Float32Array, outputPixels(shape) * shape.channels);
  status("avg_pool", bench.call(k.avgPool({ shape: descriptor, x: bench.input(x), y })), 0);
  sameBits("y", y.read(), avgPool(shape, x));
  const dy = random.reals(y.read().length);
  const [dx, sum] = [bench.output(Float32Array, x.length), bench.state(x)];
  status(
    "avg_pool_backward",
    bench.call(k.avgPoolBackward({ shape: descriptor, dy: bench.input(dy), accumulate: false, dx })),
    0,
  );
  sameNumbers("dx", dx.read(), avgPoolGradient(shape, dy, new Float32Array(x.length)));
  status(
    "avg_pool_backward, added",
    bench.call(k.avgPoolBackward({ shape: descriptor, dy: bench.input(dy), accumulate: true, dx: sum })),
    0,
  );
  sameBits("x + dx", sum.read(), avgPoolGradient(shape, dy, x));
  const unknown = bench.input(new Float32Array(x.length).fill(Number.NaN));
  status("avg_pool of NaN", bench.call(k.avgPool({ shape: descriptor, x: unknown, y })), 1);
});

const loss = property(
  "softmax cross-entropy: loss, right answers, predictions, gradient",
  fc.record({
    rows: fc.integer({ min: 1, max: 30 }),
    classes: fc.integer({ min: 2, max: 40 }),
    smoothing: fc.constantFrom(0, 0, 0.1, 0.9),
    weighted: fc.boolean(),
    seed: seeds,
  }),
  (bench, { rows, classes, smoothing, weighted, seed }) => {
    const random = numbers(seed);
    const [valid, inverse] = [random.below(rows + 1), Math.fround(1 / rows)];
    const logits = random.reals(rows * classes).map((value) => value * 10 ** random.below(3));
    const labels = Uint32Array.from(random.bytes(rows, classes));
    const weight = weighted ? random.between(rows, 0, 3) : new Float32Array(rows).fill(1);
    const weights = weighted ? bench.input(weight) : null;
    const given = { logits: bench.input(logits), labels: bench.input(labels), weights };
    const live = smoothing === 0 ? null : bench.input(Float64Array.of(smoothing));
    const inputs = { ...given, rows, validRows: valid, classes, inverseBatch: inverse, smoothing: live };
    const [gradient, predictions] = [bench.output(Float32Array, rows * classes), bench.output(Uint32Array, rows)];
    const result = bench.output(Float64Array, 2);
    const results = { dlogits: gradient, result, predictions };
    status("softmax_cross_entropy", bench.call(k.softmaxCrossEntropy({ ...inputs, ...results })), 0);
    const expected = new Float64Array(rows * classes);
    let [total, correct] = [0, 0];
    for (let row = 0; row < valid; row++) {
      const z = [...logits.subarray(row * classes, (row + 1) * classes)];
      const most = Math.max(...z);
      const sum = z.reduce((add, value) => add + Math.exp(value - most), 0);
      const label = labels[row]!;
      correct += Number(z.indexOf(most) === label);
      if (predictions.read()[row] !== z.indexOf(most)) throw new Error(`row ${row}: not the first maximum`);
      z.forEach((value, i) => {
        const truth = (1 - smoothing) * Number(i === label) + smoothing / classes;
        total += weight[row]! * truth * (Math.log(sum) + most - value);
        expected[row * classes + i] = weight[row]! * (Math.exp(value - most) / sum - truth) * inverse;
      });
    }
    const [found, right] = result.read();
    within("loss", [found!], [total], () => 1e-12 * (1 + total));
    sameNumbers("right answers", Float64Array.of(right!), [correct]);
    within("gradient", gradient.read(), expected, (i) => unit * Math.abs(expected[i]!) + 1e-14);
    const again = bench.output(Float64Array, 2);
    const short = k.softmaxCrossEntropy({ ...inputs, dlogits: null, result: again, predictions: null });
    status("softmax_cross_entropy", bench.call(short), 0);
    sameBits("loss without gradient", again.read(), result.read());
    if (valid === 0) return;
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = logits.slice();
      broken[random.below(valid * classes)] = bad;
      const call = k.softmaxCrossEntropy({ ...inputs, logits: bench.input(broken), ...results });
      status(`softmax_cross_entropy of ${bad}`, bench.call(call), 1);
    }
    const wrong = labels.map((label, row) => (row === valid - 1 ? classes : label));
    const call = k.softmaxCrossEntropy({ ...inputs, labels: bench.input(wrong), ...results });
    status("softmax_cross_entropy of a label that is no class", bench.call(call), 1);
  },
);

const updates = fc.record({
  n: lengths,
  seed: seeds,
  weightDecay: fc.constantFrom(0, 0.01),
  clip: fc.constantFrom(0, 0.5, 1),
  momentum: fc.constantFrom(0, 0.5, 0.9),
  flag: fc.boolean(),
  // Beside the root, much larger than it, and in between: each place that it could have gives another step.
  epsilon: fc.constantFrom(1e-7, 1e-3, 0.5),
  size: fc.constantFrom(1, 2 ** -10),
});

const clipped = (value: number, clip: number): number => (clip > 0 ? Math.min(clip, Math.max(-clip, value)) : value);

const sgd = property("SGD with momentum, Nesterov, decay and clip", updates, (bench, options) => {
  const { n, seed, weightDecay, clip, momentum, flag } = options;
  const random = numbers(seed);
  const [w, g, v, rate] = [random.reals(n), random.reals(n), random.reals(n), 0.05];
  const hyper = Float32Array.of(rate, momentum, weightDecay, Number(flag), clip);
  const [weights, velocity] = [bench.state(w), bench.state(v)];
  const args = { weights, velocity, count: n, hyper: bench.input(hyper) };
  status("sgd_step", bench.call(k.sgdStep({ ...args, gradient: bench.input(g) })), 0);
  const gradient = Float64Array.from(g, (value, i) => value + weightDecay * w[i]!);
  const speed = gradient.map((value, i) => momentum * v[i]! + value);
  const moved = Float64Array.from(w, (value, i) => {
    const direction = flag ? gradient[i]! + momentum * speed[i]! : speed[i]!;
    return clipped(value - rate * direction, clip);
  });
  // At most eight roundings, of the constants too, of terms no larger than these.
  const size = (i: number): number => 2 * (Math.abs(g[i]!) + Math.abs(w[i]!) + Math.abs(v[i]!));
  if (momentum > 0) within("velocity", velocity.read(), speed, (i) => 8 * unit * size(i));
  within("weights", weights.read(), moved, (i) => 8 * unit * (Math.abs(w[i]!) + 2 * rate * size(i)));
  const bad = g.map((value, i) => (i === n - 1 ? Number.NaN : value));
  status("sgd_step of NaN", bench.call(k.sgdStep({ ...args, gradient: bench.input(bad) })), 1);
});

const adam = property("Adam and AdamW", updates, (bench, options) => {
  const { n, seed, weightDecay, clip, flag, size } = options;
  const random = numbers(seed);
  const fresh = random.below(2) === 0;
  const [w, g] = [random.reals(n), random.reals(n).map((value) => size * value)];
  const m = fresh ? new Float32Array(n) : random.reals(n).map((value) => size * value);
  const v = fresh ? new Float32Array(n) : random.between(n, 0.01, 2).map((value) => size * size * value);
  const step = fresh ? 1 : 1 + random.below(100);
  const [rate, beta1, beta2, epsilon] = [1e-3, 0.9, 0.999, options.epsilon].map(Math.fround) as [
    number,
    number,
    number,
    number,
  ];
  const corrections = [1 - beta1 ** step, 1 - beta2 ** step].map(Math.fround) as [number, number];
  const hyper = Float32Array.of(rate, beta1, beta2, epsilon, weightDecay, Number(flag), ...corrections, clip);
  const [weights, first, second] = [bench.state(w), bench.state(m), bench.state(v)];
  status(
    "adam_step",
    bench.call(
      k.adamStep({
        weights,
        gradient: bench.input(g),
        mean: first,
        square: second,
        count: n,
        hyper: bench.input(hyper),
      }),
    ),
    0,
  );

  const decay = Math.fround(weightDecay);
  const gradient = Float64Array.from(g, (value, i) => value + (flag ? 0 : decay * w[i]!));
  const mean = gradient.map((value, i) => beta1 * m[i]! + (1 - beta1) * value);
  const square = gradient.map((value, i) => beta2 * v[i]! + (1 - beta2) * value * value);
  const root = square.map((value) => Math.sqrt(value / corrections[1]) + epsilon);
  const moved = root.map((value, i) => {
    const kept = w[i]! * (flag ? 1 - rate * decay : 1);
    return clipped(kept - ((rate / corrections[0]) * mean[i]!) / value, clip);
  });
  // Sizes of the terms before they cancel; eight roundings each.
  const gradientSize = (i: number): number => Math.abs(g[i]!) + decay * Math.abs(w[i]!);
  const meanSize = (i: number): number => Math.abs(beta1 * m[i]!) + (1 - beta1) * gradientSize(i);
  const squareError = (i: number): number => 8 * unit * (beta2 * v[i]! + (1 - beta2) * gradientSize(i) ** 2) + 1e-44;
  within("m", first.read(), mean, (i) => 8 * unit * meanSize(i));
  within("v", second.read(), square, squareError);
  within("weights", weights.read(), moved, (i) => {
    const move = ((rate / corrections[0]) * meanSize(i)) / root[i]!;
    const ofRoot = square[i]! > 0 ? squareError(i) / square[i]! : 0;
    return 8 * unit * (Math.abs(w[i]!) + move) + move * ofRoot;
  });
  const bad = g.map((value, i) => (i === n - 1 ? Number.NaN : value));
  const args = { weights, mean: first, square: second, count: n, hyper: bench.input(hyper) };
  status("adam_step of NaN", bench.call(k.adamStep({ ...args, gradient: bench.input(bad) })), 1);
});

const flips = fc.record({
  n: lengths,
  seed: seeds,
  gamma: fc.constantFrom(1, 0.3, 1e-2, 1e-4),
  threshold: fc.constantFrom(0, 1e-8, 1e-2, 0.3),
  unbiased: fc.boolean(),
});

const signOf = (value: number): number => (value < 0 ? -1 : 1);

/** That a weight is flipped where its score lies above the threshold, and left where it lies below; `error` lies between. */
function sameFlips(
  before: Float32Array,
  after: Float32Array,
  scores: Float64Array,
  threshold: number,
  error: (i: number) => number,
): void {
  for (const [i, w] of before.entries()) {
    const above = w * scores[i]! - threshold;
    const flipped = after[i] === -w;
    if (!flipped && after[i] !== w) throw new Error(`weight ${i} was ${w} and is ${after[i]}`);
    if (Math.abs(above) > error(i) && flipped !== above > 0) throw new Error(`weight ${i} is wrong by ${above}`);
  }
}

const bop = property("Bop: the mean gradient, and flips above the threshold", flips, (bench, options) => {
  const { n, seed, gamma, threshold } = options;
  const random = numbers(seed);
  const [w, g, m] = [random.reals(n).map(signOf), random.reals(n), random.reals(n)];
  const hyper = bench.input(Float32Array.of(gamma, threshold));
  const [weights, mean] = [bench.state(w), bench.state(m)];
  status("bop_step", bench.call(k.bopStep({ weights, gradient: bench.input(g), mean, count: n, hyper })), 0);
  const moved = Float64Array.from(g, (value, i) => (1 - Math.fround(gamma)) * m[i]! + Math.fround(gamma) * value);
  const error = (i: number): number => 4 * unit * (Math.abs(g[i]!) + 2 * Math.abs(m[i]!));
  within("mean gradient", mean.read(), moved, error);
  sameFlips(w, weights.read(), moved, Math.fround(threshold), error);
  const bad = bench.input(g.map((value, i) => (i === n - 1 ? Number.NaN : value)));
  status("bop_step of NaN", bench.call(k.bopStep({ weights, gradient: bad, mean, count: n, hyper })), 1);
});

const secondBop = property("second-order Bop, biased and unbiased", flips, (bench, options) => {
  const { n, seed, threshold, unbiased } = options;
  const random = numbers(seed);
  const [w, g, m, v] = [random.reals(n).map(signOf), random.reals(n), random.reals(n), random.between(n, 0.01, 2)];
  const added = [1e-10, 0.05, 1][random.below(3)] as number;
  const [gamma, sigma, epsilon] = [options.gamma, 1e-3, added].map(Math.fround) as [number, number, number];
  const step = 1 + random.below(100);
  const [first, second] = [gamma, sigma].map((rate) => (unbiased ? Math.fround(1 - (1 - rate) ** step) : 1)) as [
    number,
    number,
  ];
  const hyper = bench.input(Float32Array.of(gamma, sigma, threshold, epsilon, first, second));
  const [weights, mean, square] = [bench.state(w), bench.state(m), bench.state(v)];
  status(
    "bop_second_step",
    bench.call(k.bopSecondStep({ weights, gradient: bench.input(g), mean, square, count: n, hyper })),
    0,
  );
  const means = Float64Array.from(g, (value, i) => (1 - gamma) * m[i]! + gamma * value);
  const squares = Float64Array.from(g, (value, i) => (1 - sigma) * v[i]! + sigma * value ** 2);
  const meanError = (i: number): number => 4 * unit * (Math.abs(g[i]!) + 2 * Math.abs(m[i]!));
  within("mean gradient", mean.read(), means, meanError);
  within("mean square", square.read(), squares, (i) => 4 * unit * (g[i]! ** 2 + 2 * v[i]!));
  const roots = squares.map((value) => Math.sqrt(value / second) + epsilon);
  const scores = means.map((value, i) => value / first / roots[i]!);
  sameFlips(w, weights.read(), scores, Math.fround(threshold), (i) => {
    return meanError(i) / first / roots[i]! + 8 * unit * (Math.abs(scores[i]!) + threshold);
  });
  const bad = bench.input(g.map((value, i) => (i === n - 1 ? Number.NaN : value)));
  status(
    "bop_second_step of NaN",
    bench.call(k.bopSecondStep({ weights, gradient: bad, mean, square, count: n, hyper })),
    1,
  );
});

const counted = property(
  "how many weights were flipped",
  fc.record({ n: lengths, seed: seeds }),
  (bench, { n, seed }) => {
    const random = numbers(seed);
    const zeros = (values: Float32Array): Float32Array =>
      values.map((value) => [value, value, value, 0, -0][random.below(5)] as number);
    const [before, after] = [zeros(random.reals(n)), zeros(random.reals(n))];
    const count = bench.output(Uint32Array, 1);
    status(
      "count_flips",
      bench.call(k.countFlips({ before: bench.input(before), after: bench.input(after), count: n, out: count })),
      0,
    );
    sameNumbers("flips", count.read(), [before.filter((value, i) => signOf(value) !== signOf(after[i]!)).length]);
  },
);

export const trainingProperties = [
  normForward,
  normalize,
  normFold,
  normBackward,
  pool,
  means,
  loss,
  sgd,
  adam,
  bop,
  secondBop,
  counted,
];
