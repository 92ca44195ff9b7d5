/** Properties of losses over targets, of penalties, of further optimizers, and of bounds on gradients. */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const batches = fc.record({
  rows: fc.integer({ min: 1, max: 12 }),
  size: fc.integer({ min: 1, max: 20 }),
  smoothing: fc.constantFrom(0, 0.1),
  weighted: fc.boolean(),
  seed: seeds,
});

type Element = (z: number, t: number, smoothing: number) => readonly [loss: number, slope: number];
const DELTA = 0.5;
const sideOf = (t: number): number => (t > 0 ? 1 : -1);

/** The losses by their numbers, each from its definition. */
const elements: readonly Element[] = [
  (z, t, smoothing) => {
    const truth = (1 - smoothing) * t + smoothing / 2;
    return [Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - z * truth, 1 / (1 + Math.exp(-z)) - truth];
  },
  (z, t) => [(z - t) ** 2, 2 * (z - t)],
  (z, t) => [Math.abs(z - t), Math.sign(z - t)],
  (z, t) => {
    const d = z - t;
    return Math.abs(d) <= DELTA ? [d * d * 0.5, d] : [DELTA * (Math.abs(d) - 0.5 * DELTA), DELTA * Math.sign(d)];
  },
  (z, t) => (1 - sideOf(t) * z > 0 ? [1 - sideOf(t) * z, -sideOf(t)] : [0, 0]),
  (z, t) => {
    const margin = Math.max(0, 1 - sideOf(t) * z);
    return [margin ** 2, -2 * sideOf(t) * margin];
  },
];

const targets = property("losses over targets, and over labels as targets", batches, (bench, options) => {
  const { rows, size, smoothing, weighted, seed } = options;
  const random = numbers(seed);
  const [valid, inverse] = [random.below(rows + 1), Math.fround(1 / rows)];
  const outputs = random.reals(rows * size).map((value) => 2 * value);
  const labels = Uint32Array.from(random.bytes(rows, size));
  const weights = weighted ? random.between(rows, 0, 3) : new Float32Array(rows).fill(1);
  for (const [loss, element] of elements.entries()) {
    const isBinary = loss === 0 || loss >= 4;
    const given = random.reals(rows * size).map((value) => (isBinary ? Number(value > 0) : value));
    const oneHot = given.map((_, i) => Number(labels[Math.floor(i / size)] === i % size));
    for (const truth of [given, oneHot]) {
      const byLabel = truth === oneHot;
      const [gradient, result] = [bench.output(Float32Array, rows * size), bench.output(Float64Array, 2)];
      const predictions = bench.output(Uint32Array, rows);
      const inputs = {
        loss,
        outputs: bench.input(outputs),
        targets: byLabel ? null : bench.input(truth),
        labels: byLabel ? bench.input(labels) : null,
        weights: weighted ? bench.input(weights) : null,
        ...{ rows, validRows: valid, size, inverseBatch: inverse, delta: DELTA },
        smoothing: smoothing === 0 ? null : bench.input(Float64Array.of(smoothing)),
      };
      status("target_loss", bench.call(k.targetLoss({ ...inputs, gradient, result, predictions })), 0);
      const expected = new Float64Array(rows * size);
      let [total, right] = [0, 0];
      for (let row = 0; row < valid; row++) {
        const z = [...outputs.subarray(row * size, (row + 1) * size)];
        const best = z.indexOf(Math.max(...z));
        if (predictions.read()[row] !== best) throw new Error(`row ${row}: not the first maximum`);
        let alike = 0;
        z.forEach((value, i) => {
          const [own, slope] = element(value, truth[row * size + i]!, smoothing);
          total += (weights[row]! * own) / size;
          expected[row * size + i] = (weights[row]! * slope * inverse) / size;
          alike += Number(value > 0 === truth[row * size + i]! > 0) / size;
        });
        right += byLabel ? Number(best === labels[row]) : alike;
      }
      const [found, correct] = result.read();
      within(`loss ${loss}`, [found!, correct!], [total, right], () => 1e-12 * (1 + Math.abs(total) + rows));
      within(`gradient ${loss}`, gradient.read(), expected, (i) => unit * Math.abs(expected[i]!) + 1e-14);
      if (valid === 0) continue;
      const broken = bench.input(outputs.map((value, i) => (i === 0 ? Number.NaN : value)));
      const call = k.targetLoss({ ...inputs, outputs: broken, gradient: null, result, predictions: null });
      status(`target_loss ${loss} of NaN`, bench.call(call), 1);
    }
  }
  const own = bench.input(weights);
  const unknown = { loss: 99, outputs: own, targets: own, labels: null, weights: null, rows: 1, validRows: 1, size: 1 };
  const rest = { inverseBatch: 1, delta: 1, smoothing: null, gradient: null, predictions: null };
  const call = k.targetLoss({ ...unknown, ...rest, result: bench.output(Float64Array, 2) });
  status("target_loss of no known number", bench.call(call), 1);
});

const soft = property("cross-entropy with distributions, and with a teacher's logits", batches, (bench, options) => {
  const { rows, size, smoothing, weighted, seed } = options;
  const random = numbers(seed);
  const [valid, inverse] = [random.below(rows + 1), Math.fround(1 / rows)];
  const logits = random.reals(rows * size).map((value) => 3 * value);
  const weights = weighted ? random.between(rows, 0, 3) : new Float32Array(rows).fill(1);
  for (const temperature of [0, 1, 4]) {
    const [isTeacher, t] = [temperature > 0, temperature > 0 ? temperature : 1];
    const given = random.reals(rows * size).map((value) => (isTeacher ? 3 * value : Math.abs(value)));
    const [gradient, result] = [bench.output(Float32Array, rows * size), bench.output(Float64Array, 2)];
    const inputs = {
      ...{ logits: bench.input(logits), targets: bench.input(given) },
      weights: weighted ? bench.input(weights) : null,
      ...{ rows, validRows: valid, size, inverseBatch: inverse, temperature },
      smoothing: smoothing === 0 ? null : bench.input(Float64Array.of(smoothing)),
    };
    const call = k.softCrossEntropy({ ...inputs, gradient, result, predictions: null });
    status("soft_cross_entropy", bench.call(call), 0);
    const expected = new Float64Array(rows * size);
    let [total, right] = [0, 0];
    for (let row = 0; row < valid; row++) {
      const rowOf = (values: Float32Array): number[] => [...values.subarray(row * size, (row + 1) * size)];
      const [z, goal] = [rowOf(logits), rowOf(given)];
      const p = softmax(z.map((value) => value / t));
      const truth = (isTeacher ? softmax(goal.map((value) => value / t)) : goal).map(
        (q) => (1 - smoothing) * q + smoothing / size,
      );
      const mass = truth.reduce((sum, q) => sum + q, 0);
      right += Number(z.indexOf(Math.max(...z)) === goal.indexOf(Math.max(...goal)));
      truth.forEach((q, i) => {
        total -= weights[row]! * t * t * q * Math.log(p[i]!);
        expected[row * size + i] = weights[row]! * t * (p[i]! * mass - q) * inverse;
      });
    }
    const [found, correct] = result.read();
    within("loss", [found!], [total], () => 1e-11 * (1 + Math.abs(total)));
    sameNumbers("right answers", Float64Array.of(correct!), [right]);
    within("gradient", gradient.read(), expected, (i) => unit * Math.abs(expected[i]!) + 1e-13);
    if (valid === 0) continue;
    const broken = bench.input(given.map((value, i) => (i === 0 ? Number.NaN : value)));
    const bad = k.softCrossEntropy({ ...inputs, targets: broken, gradient: null, result, predictions: null });
    status("soft_cross_entropy of NaN", bench.call(bad), 1);
  }
});

function softmax(z: readonly number[]): number[] {
  const most = Math.max(...z);
  const shares = z.map((value) => Math.exp(value - most));
  const sum = shares.reduce((add, share) => add + share, 0);
  return shares.map((share) => share / sum);
}

const pieces = fc.record({ n: lengths, seed: seeds });

const rowWeights = property("weights of examples, of classes, and of both", pieces, (bench, { n, seed }) => {
  const random = numbers(seed);
  const [own, classes, labels] = [random.reals(n), random.reals(4), Uint32Array.from(random.bytes(n, 4))];
  for (const [withOwn, withClasses] of [
    [true, true],
    [true, false],
    [false, true],
  ] as const) {
    const out = bench.output(Float32Array, n);
    const given = { own: withOwn ? bench.input(own) : null, classes: 4, rows: n, out };
    const ofClasses = withClasses ? bench.input(classes) : null;
    const call = k.rowWeights({ ...given, classWeights: ofClasses, labels: withClasses ? bench.input(labels) : null });
    status("row_weights", bench.call(call), 0);
    const expected = own.map((weight, row) => {
      const ofClass = withClasses ? classes[labels[row]!]! : 1;
      return (withOwn ? weight : 1) * ofClass;
    });
    sameNumbers("weights", out.read(), expected);
  }
});

const magnitudes = property("sums of magnitudes, and their signs", pieces, (bench, { n, seed }) => {
  const random = numbers(seed);
  const a = random.reals(n).map((value, i) => (i % 5 === 0 ? 0 : value));
  const before = random.reals(n);
  const [result, y] = [bench.output(Float64Array, 1), bench.state(before)];
  status("absolute_sum", bench.call(k.absoluteSum({ a: bench.input(a), count: n, result })), 0);
  const sum = a.reduce((add, value) => add + Math.abs(value), 0);
  within("sum", result.read(), [sum], () => 1e-12 * (1 + sum));
  status("add_signs", bench.call(k.addSigns({ a: bench.input(a), factor: 0.25, y, count: n })), 0);
  const expected = before.map((value, i) => value + 0.25 * Math.sign(a[i]!));
  sameNumbers("signs", y.read(), expected);
  const broken = bench.input(a.map((value, i) => (i === n - 1 ? Number.NaN : value)));
  status("absolute_sum of NaN", bench.call(k.absoluteSum({ a: broken, count: n, result })), 1);
});

const bounds = property("gradients within a value and within a norm", pieces, (bench, { n, seed }) => {
  const random = numbers(seed);
  const g = random.reals(n);
  const squares = Float64Array.from(g, (value) => value * value);
  const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  for (const limit of [0.5, 1e6]) {
    const [byValue, byNorm] = [bench.state(g), bench.state(g)];
    status("clip_gradient_value", bench.call(k.clipGradientValue({ gradient: byValue, count: n, limit })), 0);
    const kept = g.map((value) => Math.max(-limit, Math.min(limit, value)));
    sameNumbers("by value", byValue.read(), kept);
    const given = { gradient: byNorm, count: n, squares: bench.input(squares), shares: n, limit };
    status("clip_gradient_norm", bench.call(k.clipGradientNorm(given)), 0);
    const factor = norm > limit ? Math.fround(limit / norm) : 1;
    const scaled = g.map((value) => value * factor);
    sameNumbers("by norm", byNorm.read(), scaled);
    const broken = bench.input(Float64Array.of(Number.NaN));
    const call = k.clipGradientNorm({ ...given, squares: broken, shares: 1 });
    status("clip_gradient_norm of NaN", bench.call(call), 1);
  }
});

const updates = fc.record({
  n: lengths,
  seed: seeds,
  weightDecay: fc.constantFrom(0, 0.01),
  clip: fc.constantFrom(0, 0.5),
  momentum: fc.constantFrom(0, 0.9),
  epsilon: fc.constantFrom(1e-7, 0.5),
});

const clipped = (value: number, clip: number): number => (clip > 0 ? Math.min(clip, Math.max(-clip, value)) : value);

const rmsprop = property("RMSprop with momentum, decay and clip", updates, (bench, options) => {
  const { n, seed, weightDecay, clip, momentum } = options;
  const random = numbers(seed);
  const [w, g, b] = [random.reals(n), random.reals(n), random.reals(n)];
  const v = random.between(n, 0.01, 2);
  const [rate, rho, epsilon] = [0.01, 0.9, options.epsilon].map(Math.fround) as [number, number, number];
  const [mu, decay] = [Math.fround(momentum), Math.fround(weightDecay)];
  const [weights, square, velocity] = [bench.state(w), bench.state(v), bench.state(b)];
  const hyper = bench.input(Float32Array.of(rate, rho, mu, epsilon, decay, clip));
  const args = { weights, square, velocity, count: n, hyper };
  status("rmsprop_step", bench.call(k.rmspropStep({ ...args, gradient: bench.input(g) })), 0);
  const gradient = Float64Array.from(g, (value, i) => value + decay * w[i]!);
  const mean = gradient.map((value, i) => rho * v[i]! + (1 - rho) * value * value);
  const scaled = gradient.map((value, i) => value / (Math.sqrt(mean[i]!) + epsilon));
  const moving = scaled.map((value, i) => mu * b[i]! + value);
  const moved = moving.map((value, i) => clipped(w[i]! - rate * (momentum === 0 ? scaled[i]! : value), clip));
  // Each of the terms is rounded at most ten times.
  const height = (i: number): number => Math.abs(g[i]!) + decay * Math.abs(w[i]!);
  const step = (i: number): number => (height(i) * 2) / Math.sqrt(mean[i]!) + Math.abs(mu * b[i]!);
  within("mean square", square.read(), mean, (i) => 10 * unit * (rho * v[i]! + height(i) ** 2));
  if (momentum > 0) within("velocity", velocity.read(), moving, (i) => 10 * unit * step(i));
  within("weights", weights.read(), moved, (i) => 10 * unit * (Math.abs(w[i]!) + rate * step(i)));
  const bad = g.map((value, i) => (i === n - 1 ? Number.NaN : value));
  status("rmsprop_step of NaN", bench.call(k.rmspropStep({ ...args, gradient: bench.input(bad) })), 1);
});

const lion = property("Lion with decay and clip", updates, (bench, options) => {
  const { n, seed, weightDecay, clip } = options;
  const random = numbers(seed);
  const [w, g, m] = [random.reals(n), random.reals(n), random.reals(n)];
  const [rate, beta1, beta2] = [0.01, 0.9, 0.99].map(Math.fround) as [number, number, number];
  const decay = Math.fround(weightDecay);
  const [weights, mean] = [bench.state(w), bench.state(m)];
  const hyper = bench.input(Float32Array.of(rate, beta1, beta2, decay, clip));
  const args = { weights, mean, count: n, hyper };
  status("lion_step", bench.call(k.lionStep({ ...args, gradient: bench.input(g) })), 0);
  const mixed = Float64Array.from(g, (value, i) => beta1 * m[i]! + (1 - beta1) * value);
  const moved = mixed.map((value, i) => clipped(w[i]! * (1 - rate * decay) - rate * Math.sign(value), clip));
  const size = (i: number): number => Math.abs(m[i]!) + Math.abs(g[i]!);
  within("weights", weights.read(), moved, (i) => {
    const jump = Math.abs(mixed[i]!) <= 8 * unit * size(i) ? 2 * rate : 0;
    return jump + 8 * unit * (Math.abs(w[i]!) + rate);
  });
  const next = Float64Array.from(g, (value, i) => beta2 * m[i]! + (1 - beta2) * value);
  within("mean", mean.read(), next, (i) => 8 * unit * size(i));
  const bad = g.map((value, i) => (i === n - 1 ? Number.NaN : value));
  status("lion_step of NaN", bench.call(k.lionStep({ ...args, gradient: bench.input(bad) })), 1);
});

export const lossProperties = [targets, soft, rowWeights, magnitudes, bounds, rmsprop, lion];
