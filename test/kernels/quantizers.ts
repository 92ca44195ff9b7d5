import { elasticFactors } from "../../ts/quantizers/maps/elastic.ts";
import {
  backwardMapNumbers,
  backwardMapParameters,
  backwardValue,
  encodeTable,
  forwardMapNumbers,
  forwardMapParameters,
  forwardValue,
  type ParameterName,
} from "../../ts/quantizers/maps.ts";
import type { BackwardMap, ForwardMap } from "../../ts/quantizers/quantizer.ts";
import fc from "../fast-check.ts";
import { argumentsOf, lengths, numbers, seeds } from "./arbitrary.ts";
import { k, type Tensor } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

type Out = Tensor<Float32Array>;

const forwardMaps = Object.keys(forwardMapNumbers) as ForwardMap[];
const backwardMaps = Object.keys(backwardMapNumbers) as BackwardMap[];

/** Each parameter of a map takes these values, as f32. */
const values: Readonly<Record<ParameterName, readonly number[]>> = {
  rho: [0, 0.25, 0.7, 1, 1.5],
  varrho: [0, 0.3, 1],
  beta: [0.01, 0.5, 1, 5, 12.5, 300],
  t: [0.01, 0.5, 1, 5, 12.5, 300],
  lambda: [0, 0.3, 1, 7],
  levels: [1, 2, 3, 15, 255, 65_535],
  o: [1, 1.5, 3, 100],
  n: [0, 1, 9, 18.5, 100],
  width: [0, 0.7, 1, 3],
  alpha: [-1, 0, 0.25, 0.7, 1, 2.5],
  offset: [-0.5, 0, 0.1, 1],
};

function parametersOf(names: readonly ParameterName[], seed: number): Float32Array {
  const random = numbers(seed ^ 77);
  return Float32Array.from(names, (name) => values[name][random.below(values[name].length)]!);
}

/** A bump between -1 and 2, and another for the slopes. */
const table = { from: -1, to: 2, forward: [-1, -0.25, 3, 0.5, 0.5], backward: [0, 0.75, 1, -2, 0] };

/**
 * F may be so many units from its definition. They are the roundings of a few operations. Maps with an exponential add what
 * its polynomial leaves (5 units of tanh, 13 of sech^2, see crates/kernels/src/math.rs).
 */
const forwardUnits: Readonly<Record<ForwardMap, number>> = {
  identity: 0,
  sign: 0,
  hardTanh: 0,
  poly: 3,
  piecewiseLinear: 8,
  signSwish: 16,
  ede: 12,
  tanh: 10,
  proxQuant: 4,
  unitLevels: 1,
  symmetricLevels: 4,
  relu: 0,
  relu6: 0,
  sigmoid: 6,
  gelu: 5,
  elasticSign: 0,
  elasticUnit: 0,
  table: 12,
};
/** The same for B: 7 of a logarithm and 8 of an exponential in ReSTE's; a recurrence's roundings in FDA's come on top. */
const backwardUnits: Readonly<Record<BackwardMap, number>> = {
  one: 0,
  box: 0,
  polyPrime: 4,
  signSwishPrime: 28,
  edePrime: 20,
  tanhPrime: 20,
  rbnnPrime: 8,
  restePrime: 24,
  fdaPrime: 16,
  unitBox: 0,
  clippedBox: 0,
  reluPrime: 0,
  relu6Prime: 0,
  sigmoidPrime: 12,
  geluPrime: 12,
  elasticBox: 0,
  elasticUnitBox: 0,
  table: 12,
};

/** An error of F at x is relative to this: its largest value, or the largest number on the way to it. */
function forwardSize(map: ForwardMap, x: number, p: Float32Array): number {
  if (map === "ede") return Math.max(1 / p[0]!, 1);
  if (map === "proxQuant" || map === "gelu") return 1 + Math.abs(x);
  return map === "table" ? 10 : 1;
}

const unitPeaks: readonly BackwardMap[] = [
  ...(["unitBox", "reluPrime", "relu6Prime", "geluPrime", "elasticBox", "elasticUnitBox"] as const),
];

/** The largest |B|. */
function backwardSize(map: BackwardMap, p: Float32Array): number {
  if (map === "table") return 10;
  // The recurrence's errors add up twice, and its sum is of n terms.
  if (map === "fdaPrime") return backwardValue(map, 0, [...p]) * (1 + p[0]! * (1 + p[0]! / 20));
  return unitPeaks.includes(map) ? 1 : backwardValue(map, 0, [...p], table);
}

/** `found` against `expected`, where that is finite; the same infinity elsewhere. */
function near(what: string, found: Float32Array, expected: Float64Array, bound: (i: number) => number): void {
  const finite = (i: number): boolean => Number.isFinite(expected[i]!);
  found.forEach((value, i) => {
    if (!finite(i) && value !== expected[i]) throw new Error(`${what}[${i}] is ${value}, not ${expected[i]}`);
  });
  within(
    what,
    found.map((value, i) => (finite(i) ? value : 0)),
    expected.map((v, i) => (finite(i) ? v : 0)),
    bound,
  );
}

const maps = property(
  "forward maps of the quantizers",
  fc.record({ map: fc.constantFrom(...forwardMaps), n: lengths, seed: seeds }),
  (bench, { map, n, seed }) => {
    const given = parametersOf(forwardMapParameters[map], seed);
    const x = argumentsOf(n, seed);
    const y = bench.output(Float32Array, n);
    const settings = { parameters: bench.input(given), table: bench.input(encodeTable(table)) };
    const maps = { proximal: 0, map: forwardMapNumbers[map], ...settings };
    const run = (values: Float32Array): number =>
      bench.call(k.quantizeForward({ ...maps, x: bench.input(values), y, count: n }));
    status("quantize_forward", run(x), 0);
    const expected = Float64Array.from(x, (value) => forwardValue(map, value, [...given], table));
    near(map, y.read(), expected, (i) => forwardUnits[map] * unit * forwardSize(map, x[i]!, given));
    x[n - 1] = Number.NaN;
    status("quantize_forward of NaN", run(x), 1);
  },
  { runs: 200 },
);

const gradients = property(
  "backward maps of the quantizers",
  fc.record({ map: fc.constantFrom(...backwardMaps), n: lengths, seed: seeds }),
  (bench, { map, n, seed }) => {
    const given = parametersOf(backwardMapParameters[map], seed);
    const [x, gy] = [argumentsOf(n, seed), numbers(seed ^ 1).reals(n)];
    const gx = bench.output(Float32Array, n);
    const settings = { parameters: bench.input(given), table: bench.input(encodeTable(table)) };
    const maps = { proximal: 0, map: backwardMapNumbers[map], ...settings };
    const run = (a: Float32Array, b: Float32Array, accumulate: boolean, dx: Out): number =>
      bench.call(k.quantizeBackward({ ...maps, x: bench.input(a), dy: bench.input(b), accumulate, dx, count: n }));
    status("quantize_backward", run(x, gy, false, gx), 0);
    const largest = backwardSize(map, given);
    const expected = Float64Array.from(x, (value, i) => gy[i]! * backwardValue(map, value, [...given], table));
    // sech^2 fades into the subnormal numbers, whose steps are 1e-45, times what it is multiplied by.
    near(
      map,
      gx.read(),
      expected,
      (i) => backwardUnits[map] * unit * largest * Math.abs(gy[i]!) + (largest > 2 ? 1e-35 : 1e-37),
    );
    const before = numbers(seed ^ 2).reals(n);
    const onto = bench.state(before);
    status("quantize_backward onto what is there", run(x, gy, true, onto), 0);
    sameBits(
      "gx, added",
      onto.read(),
      gx.read().map((value, i) => before[i]! + value),
    );
    for (const broken of [0, 1]) {
      const [a, b] = [x.slice(), gy.slice()];
      (broken === 0 ? a : b)[n - 1] = Number.NaN;
      status("quantize_backward of NaN", run(a, b, false, gx), 1);
    }
  },
  { runs: 200 },
);

/** P first, then a map of what it gives: the same bits as two calls, for all pairs, and NaN is seen through either. */
const compositions = property(
  "maps behind a proximal map",
  fc.record({
    proximal: fc.constantFrom(...forwardMaps),
    map: fc.constantFrom(...forwardMaps),
    slope: fc.constantFrom(...backwardMaps),
    n: fc.oneof(lengths, fc.integer({ min: 250, max: 530 })),
    seed: seeds,
  }),
  (bench, { proximal, map, slope, n, seed }) => {
    const own = parametersOf(forwardMapParameters[proximal], seed);
    const samples = bench.input(encodeTable(table));
    // No infinities: their difference in P is no number.
    const [x, gy] = [argumentsOf(n, seed).map((v) => (Math.abs(v) > 1e6 ? 1e6 : v)), numbers(seed ^ 1).reals(n)];
    const [inner, y, expected] = [0, 1, 2].map(() => bench.output(Float32Array, n)) as [Out, Out, Out];
    bench.call(
      k.quantizeForward({
        proximal: 0,
        map: forwardMapNumbers[proximal],
        x: bench.input(x),
        y: inner,
        count: n,
        parameters: bench.input(own),
        table: samples,
      }),
    );
    const at = bench.input(inner.read());
    const first = forwardMapNumbers[proximal];

    const shared = parametersOf(forwardMapParameters[map], seed ^ 2);
    const both = bench.input(Float32Array.of(...own, ...shared));
    const forward = (values: Float32Array): number =>
      bench.call(
        k.quantizeForward({
          proximal: first,
          map: forwardMapNumbers[map],
          x: bench.input(values),
          y,
          count: n,
          parameters: both,
          table: samples,
        }),
      );
    status("quantize_forward", forward(x), 0);
    bench.call(
      k.quantizeForward({
        proximal: 0,
        map: forwardMapNumbers[map],
        x: at,
        y: expected,
        count: n,
        parameters: bench.input(shared),
        table: samples,
      }),
    );
    sameBits(`${map} of ${proximal}`, y.read(), expected.read());

    const after = parametersOf(backwardMapParameters[slope], seed ^ 3);
    const all = bench.input(Float32Array.of(...own, ...after));
    const number = backwardMapNumbers[slope];
    const backward = (values: Float32Array, gradient: Float32Array): number =>
      bench.call(
        k.quantizeBackward({
          proximal: first,
          map: number,
          x: bench.input(values),
          dy: bench.input(gradient),
          accumulate: false,
          dx: y,
          count: n,
          parameters: all,
          table: samples,
        }),
      );
    status("quantize_backward", backward(x, gy), 0);
    bench.call(
      k.quantizeBackward({
        proximal: 0,
        map: number,
        x: at,
        dy: bench.input(gy),
        accumulate: false,
        dx: expected,
        count: n,
        parameters: bench.input(after),
        table: samples,
      }),
    );
    sameBits(`${slope} of ${proximal}`, y.read(), expected.read());

    const bad = x.map((v, i) => (i === n - 1 ? Number.NaN : v));
    status("quantize_forward of NaN", forward(bad), 1);
    status("quantize_backward of NaN", backward(bad, gy), 1);
    status("quantize_backward of a gradient that is NaN", backward(x, bad), 1);
  },
  { runs: 200 },
);

const adaptive = property(
  "AdaBin's sign between two learned values",
  fc.record({
    n: lengths,
    alpha: fc.constantFrom(1, -0.7, 0.25, 3),
    beta: fc.constantFrom(0, -0, 0.5, -1),
    seed: seeds,
  }),
  (bench, { n, alpha, beta, seed }) => {
    const random = numbers(seed);
    const [x, dy, before] = [argumentsOf(n, seed), random.reals(n), random.reals(n)];
    const [half, middle] = [Math.fround(Math.abs(alpha)), Math.fround(beta)];
    const set = { alpha: bench.input(Float32Array.of(alpha)), beta: bench.input(Float32Array.of(beta)), count: n };
    const inputs = { x: bench.input(x), dy: bench.input(dy), ...set };
    const y = bench.output(Float32Array, n);
    status("adaptive_sign_forward", bench.call(k.adaptiveSignForward({ ...set, x: inputs.x, y })), 0);
    sameNumbers(
      "y",
      y.read(),
      x.map((value) => (value >= middle ? middle + half : middle - half)),
    );
    const unitOf = (value: number): number => Math.max(-1, Math.min(1, (value - middle) / half));
    const slopeOf = (value: number): number => 2 - 2 * Math.abs(unitOf(value));
    const wanted = [0, 0];
    x.forEach((value, i) => {
      const sign = value >= middle ? 1 : -1;
      wanted[0]! += dy[i]! * (sign - unitOf(value) * slopeOf(value)) * Math.sign(alpha);
      wanted[1]! += dy[i]! * (1 - slopeOf(value));
    });
    const [dx, onto] = [bench.output(Float32Array, n), bench.state(before)];
    const targets = [
      [false, dx],
      [true, onto],
      [false, null],
    ] as const;
    const magnitude = dy.reduce((sum, value) => sum + Math.abs(value), 0);
    for (const [accumulate, target] of targets) {
      const found = bench.output(Float32Array, 2);
      const call = k.adaptiveSignBackward({ ...inputs, accumulate, dx: target, gradients: found });
      status("adaptive_sign_backward", bench.call(call), 0);
      // u has three roundings at most, B and its product with u as many more.
      within("dalpha, dbeta", found.read(), wanted, () => 16 * unit * magnitude);
    }
    within(
      "dx",
      dx.read(),
      dy.map((value, i) => value * slopeOf(x[i]!)),
      (i) => 16 * unit * Math.abs(dy[i]!),
    );
    sameBits(
      "dx, added",
      onto.read(),
      dx.read().map((value, i) => before[i]! + value),
    );
    const bad = x.map((value, i) => (i === n - 1 ? Number.NaN : value));
    status("adaptive_sign_forward of NaN", bench.call(k.adaptiveSignForward({ ...set, x: bench.input(bad), y })), 1);
  },
);

const elastic = property(
  "gradients at the numbers that elastic maps learn",
  fc.record({
    map: fc.constantFrom("elasticSign" as const, "elasticUnit" as const),
    n: lengths,
    alpha: fc.constantFrom(...values.alpha),
    offset: fc.constantFrom(...values.offset),
    seed: seeds,
  }),
  (bench, { map, n, alpha, offset, seed }) => {
    const [x, dy] = [argumentsOf(n, seed), numbers(seed ^ 1).reals(n)];
    const given = Float32Array.of(alpha, offset);
    x[0] = given[1]!;
    x[n - 1] = Math.fround(given[0]! + given[1]!);
    const found = bench.output(Float32Array, 2);
    const inputs = { x: bench.input(x), dy: bench.input(dy), count: n, parameters: bench.input(given) };
    status(
      "elastic_gradients",
      bench.call(k.elasticGradients({ ...inputs, map: forwardMapNumbers[map], out: found })),
      0,
    );
    const wanted = [0, 0];
    const sizes = [0, 0];
    x.forEach((value, i) => {
      elasticFactors(map, value, given[0]!, given[1]!).forEach((factor, place) => {
        wanted[place]! += factor * dy[i]!;
        sizes[place]! += Math.abs(dy[i]!);
      });
    });
    // The share of an interval has two roundings, of which one may be of an offset that is far larger than the share.
    const reach = 1 + Math.abs(offset) / Math.max(1e-5, alpha);
    within("dalpha, doffset", found.read(), wanted, (i) => 4 * unit * reach * sizes[i]! + 1e-37);
  },
);

export const quantizerProperties = [maps, gradients, compositions, adaptive, elastic];
