/** Properties of the optimizers, and of the count of flips. */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

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

export const updateProperties = [sgd, adam, bop, secondBop, counted];
