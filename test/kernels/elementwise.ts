/** Properties of elementwise kernels, of batches and of sums. */
import fc from "fast-check";
import { backwardMapNumbers, backwardValue, forwardMapNumbers, forwardValue } from "../../ts/quantizers/maps.ts";
import type { BackwardMap, ForwardMap } from "../../ts/quantizers/quantizer.ts";
import { lengths, numbers, seeds, tails } from "./arbitrary.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const forwardMaps = Object.keys(forwardMapNumbers) as ForwardMap[];
const backwardMaps = Object.keys(backwardMapNumbers) as BackwardMap[];

/** Parameters of a map as f32: [rho, varrho] of L in [0, 1], beta of SignSwish, t of EDE. */
const parameters = fc.record({
  shares: fc.tuple(fc.constantFrom(0, 0.25, 0.7, 1, 1.5), fc.constantFrom(0, 0.3, 1)),
  sharpness: fc.constantFrom(0.01, 0.5, 1, 5, 12.5, 300),
});
type Parameters = { readonly shares: [number, number]; readonly sharpness: number };

const parametersOf = (map: ForwardMap | BackwardMap, { shares, sharpness }: Parameters): Float32Array =>
  map === "piecewiseLinear" ? Float32Array.from(shares) : Float32Array.of(sharpness, 0);

/** Arguments with the places where the maps turn. */
function argumentsOf(n: number, seed: number): Float32Array {
  const random = numbers(seed);
  const odd = [0, -0, 1, -1, 1 + 2 ** -23, -1 - 2 ** -23, 1e-45, -1e-30, 1e30, Infinity, -Infinity];
  return random.reals(n).map((x) => (random.below(8) === 0 ? odd[random.below(odd.length)]! : x));
}

/**
 * How far F may be from its definition, in units: roundings of a few operations, and for the two maps with an
 * exponential what its polynomial leaves (5 units of tanh, 13 of sech^2, see crates/kernels/src/math.rs).
 */
const forwardUnits: Readonly<Record<ForwardMap, number>> = {
  identity: 0,
  sign: 0,
  hardTanh: 0,
  poly: 3,
  piecewiseLinear: 8,
  signSwish: 16,
  ede: 12,
};
const backwardUnits: Readonly<Record<BackwardMap, number>> = {
  one: 0,
  box: 0,
  polyPrime: 4,
  signSwishPrime: 28,
  edePrime: 20,
};

const maps = property(
  "forward maps of the quantizers",
  fc.record({ map: fc.constantFrom(...forwardMaps), n: lengths, p: parameters, seed: seeds }),
  (bench, { map, n, p, seed }) => {
    const given = parametersOf(map, p);
    const x = argumentsOf(n, seed);
    const y = bench.output(Float32Array, n);
    const call = [forwardMapNumbers[map], bench.input(x), y, n, bench.input(given)] as const;
    status("quantize_forward", bench.call("quantize_forward", ...call), 0);
    const [first] = given;
    const size = map === "ede" ? Math.max(1 / first!, 1) : 1;
    const expected = Float64Array.from(x, (value) => forwardValue(map, value, [...given]));
    const found = y.read();
    const finite = (i: number): boolean => Number.isFinite(expected[i]!);
    within(
      map,
      found.filter((_, i) => finite(i)),
      expected.filter((_, i) => finite(i)),
      () => forwardUnits[map] * unit * size,
    );
    found.forEach((value, i) => {
      if (!finite(i) && value !== expected[i]) throw new Error(`${map}(${x[i]}) is ${value}`);
    });
    x[n - 1] = Number.NaN;
    const bad = [forwardMapNumbers[map], bench.input(x), y, n, bench.input(given)] as const;
    status("quantize_forward of NaN", bench.call("quantize_forward", ...bad), 1);
  },
  { runs: 150 },
);

const gradients = property(
  "backward maps of the quantizers",
  fc.record({ map: fc.constantFrom(...backwardMaps), n: lengths, p: parameters, seed: seeds }),
  (bench, { map, n, p, seed }) => {
    const given = parametersOf(map, p);
    const [first] = given;
    const [x, gy] = [argumentsOf(n, seed), numbers(seed ^ 1).reals(n)];
    const gx = bench.output(Float32Array, n);
    const call = [backwardMapNumbers[map], bench.input(x), bench.input(gy), 0, gx, n, bench.input(given)] as const;
    status("quantize_backward", bench.call("quantize_backward", ...call), 0);
    // The largest value of B: SignSwish's beta, EDE's k t, the polynomial's 2.
    const largest = { one: 1, box: 1, polyPrime: 2, signSwishPrime: first!, edePrime: Math.max(1, first!) }[map];
    const expected = Float64Array.from(x, (value, i) => gy[i]! * backwardValue(map, value, [...given]));
    within(
      map,
      gx.read(),
      expected,
      (i) => backwardUnits[map] * unit * largest * Math.abs(gy[i]!) + (largest > 2 ? 1e-35 : 1e-37),
    );
    const before = numbers(seed ^ 2).reals(n);
    const onto = bench.state(before);
    const added = [...call.slice(0, 3), 1, onto, n, call[6]] as const;
    status("quantize_backward onto what is there", bench.call("quantize_backward", ...added), 0);
    sameBits(
      "gx, added",
      onto.read(),
      gx.read().map((value, i) => before[i]! + value),
    );
    for (const broken of [0, 1]) {
      const [a, b] = [x.slice(), gy.slice()];
      (broken === 0 ? a : b)[n - 1] = Number.NaN;
      const bad = [backwardMapNumbers[map], bench.input(a), bench.input(b), 0, gx, n, bench.input(given)] as const;
      status("quantize_backward of NaN", bench.call("quantize_backward", ...bad), 1);
    }
  },
  { runs: 150 },
);

const activations = property("relu and hard tanh", fc.record({ n: lengths, seed: seeds }), (bench, { n, seed }) => {
  const [x, gy] = [argumentsOf(n, seed), numbers(seed ^ 1).reals(n)];
  const relu = [(v: number) => Math.max(v, 0), (v: number) => v > 0] as const;
  const hardTanh = [(v: number) => Math.min(1, Math.max(-1, v)), (v: number) => Math.abs(v) <= 1] as const;
  for (const [kind, [value, passes]] of [relu, hardTanh].entries()) {
    const [y, gx] = [bench.output(Float32Array, n), bench.output(Float32Array, n)];
    const inputs = [bench.input(x), bench.input(gy)] as const;
    status("activation_forward", bench.call("activation_forward", kind, inputs[0], y, n), 0);
    sameNumbers("y", y.read(), x.map(value));
    status("activation_backward", bench.call("activation_backward", kind, ...inputs, 0, gx, n), 0);
    const gradient = gy.map((value, i) => (passes(x[i]!) ? value : 0));
    sameNumbers("gx", gx.read(), gradient);
    const onto = bench.state(gy);
    status("activation_backward onto gy", bench.call("activation_backward", kind, ...inputs, 1, onto, n), 0);
    sameNumbers(
      "gx, added",
      onto.read(),
      gradient.map((value, i) => gy[i]! + value),
    );
    const bad = x.map((v, i) => (i === n - 1 ? Number.NaN : v));
    status("activation_forward of NaN", bench.call("activation_forward", kind, bench.input(bad), y, n), 1);
  }
});

const slopes = property(
  "prelu with a slope for each channel",
  fc.record({ rows: fc.integer({ min: 1, max: 60 }), c: tails, seed: seeds }),
  (bench, { rows, c, seed }) => {
    const random = numbers(seed);
    const [x, dy, alpha] = [random.reals(rows * c), random.reals(rows * c), random.reals(c)];
    const inputs = [bench.input(x), bench.input(dy)] as const;
    const slope = bench.input(alpha);
    const y = bench.output(Float32Array, rows * c);
    status("prelu_forward", bench.call("prelu_forward", inputs[0], rows, c, slope, y), 0);
    sameBits(
      "y",
      y.read(),
      x.map((value, i) => (value >= 0 ? value : alpha[i % c]! * value)),
    );
    const share = dy.map((value, i) => (x[i]! >= 0 ? value : alpha[i % c]! * value));
    const sums = new Float64Array(c);
    x.forEach((value, i) => {
      sums[i % c]! += Math.min(value, 0) * dy[i]!;
    });
    const before = random.reals(rows * c);
    const [dx, onto] = [bench.output(Float32Array, rows * c), bench.state(before)];
    const targets = [
      [0, dx],
      [1, onto],
      [0, 0],
    ] as const;
    for (const [accumulate, target] of targets) {
      const dalpha = bench.output(Float32Array, c);
      const call = [...inputs, rows, c, slope, accumulate, target, dalpha] as const;
      status("prelu_backward", bench.call("prelu_backward", ...call), 0);
      sameNumbers("dalpha", dalpha.read(), Float32Array.from(sums));
    }
    sameNumbers("dx", dx.read(), share);
    sameNumbers(
      "dx, added",
      onto.read(),
      share.map((value, i) => before[i]! + value),
    );
    const bad = x.map((value, i) => (i === rows * c - 1 ? Number.NaN : value));
    status("prelu_forward of NaN", bench.call("prelu_forward", bench.input(bad), rows, c, slope, y), 1);
  },
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
    const set = [bench.input(Float32Array.of(alpha)), bench.input(Float32Array.of(beta))] as const;
    const inputs = [bench.input(x), bench.input(dy)] as const;
    const y = bench.output(Float32Array, n);
    status("adaptive_sign_forward", bench.call("adaptive_sign_forward", inputs[0], n, ...set, y), 0);
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
      [0, dx],
      [1, onto],
      [0, 0],
    ] as const;
    const magnitude = dy.reduce((sum, value) => sum + Math.abs(value), 0);
    for (const [accumulate, target] of targets) {
      const found = bench.output(Float32Array, 2);
      const call = [...inputs, n, ...set, accumulate, target, found] as const;
      status("adaptive_sign_backward", bench.call("adaptive_sign_backward", ...call), 0);
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
    status("adaptive_sign_forward of NaN", bench.call("adaptive_sign_forward", bench.input(bad), n, ...set, y), 1);
  },
);

const gathers = property(
  "batches out of a data set",
  fc.record({ count: fc.integer({ min: 1, max: 20 }), rows: fc.integer({ min: 1, max: 30 }), row: tails, seed: seeds }),
  (bench, { count, rows, row, seed }) => {
    const random = numbers(seed);
    const [bytes, labels, reals] = [random.bytes(rows * row), random.bytes(rows), random.reals(rows * row)];
    const [scale, offset] = [Math.fround(1 / 127.5), -1];
    const indices = Uint32Array.from({ length: count }, () => random.below(rows));
    const numbersOf = (data: ArrayLike<number>, map: (x: number) => number): Float32Array =>
      Float32Array.from({ length: count * row }, (_, i) => map(data[indices[Math.floor(i / row)]! * row + (i % row)]!));
    const at = bench.input(indices);
    const images = bench.output(Float32Array, count * row);
    status("gather_bytes", bench.call("gather_bytes", bench.input(bytes), at, count, row, scale, offset, images), 0);
    sameBits(
      "images",
      images.read(),
      numbersOf(bytes, (byte) => Math.fround(byte * scale) + offset),
    );
    const values = bench.output(Float32Array, count * row);
    status("gather_reals", bench.call("gather_reals", bench.input(reals), at, count, row, values), 0);
    sameBits(
      "reals",
      values.read(),
      numbersOf(reals, (x) => x),
    );
    const answers = bench.output(Uint8Array, count);
    status("gather_labels", bench.call("gather_labels", bench.input(labels), at, count, answers), 0);
    sameBits(
      "labels",
      answers.read(),
      Uint8Array.from(indices, (index) => labels[index]!),
    );
  },
);

const sums = property(
  "sums over rows and over lanes",
  fc.record({ rows: fc.integer({ min: 1, max: 60 }), n: tails, gap: fc.nat({ max: 5 }), seed: seeds }),
  (bench, { rows, n, gap, seed }) => {
    const x = numbers(seed).reals(rows * n);
    const columns = new Float64Array(n);
    x.forEach((value, i) => {
      columns[i % n]! += value;
    });
    const out = bench.output(Float32Array, n);
    status("column_sums", bench.call("column_sums", bench.input(x), rows, n, out), 0);
    sameNumbers("columns", out.read(), Float32Array.from(columns));

    const [lanes, stride] = [Math.min(rows, 8), n + gap];
    const partials = new Float32Array(lanes * stride).fill(Number.NaN);
    const expected = new Float32Array(n);
    for (let lane = 0; lane < lanes; lane++) {
      for (let i = 0; i < n; i++) {
        partials[lane * stride + i] = x[lane * n + i]!;
        expected[i]! += x[lane * n + i]!;
      }
    }
    const total = bench.output(Float32Array, n);
    status("sum_lanes", bench.call("sum_lanes", bench.input(partials), lanes, stride, n, total), 0);
    sameNumbers("lanes", total.read(), expected);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = partials.slice();
      broken[(lanes - 1) * stride + n - 1] = bad;
      status(`sum_lanes of ${bad}`, bench.call("sum_lanes", bench.input(broken), lanes, stride, n, total), 1);
    }
  },
);

const plain = property("add and copy", fc.record({ n: lengths, seed: seeds }), (bench, { n, seed }) => {
  const random = numbers(seed);
  const [a, b] = [random.reals(n), random.reals(n)];
  const sum = a.map((value, i) => value + b[i]!);
  const [left, right, y] = [bench.input(a), bench.input(b), bench.output(Float32Array, n)];
  status("add", bench.call("add", left, right, y, n), 0);
  sameBits("a + b", y.read(), sum);
  const grown = bench.state(a);
  status("add_into", bench.call("add_into", grown, right, n), 0);
  sameBits("a += b", grown.read(), sum);
  const bytes = random.bytes(n);
  const copied = bench.output(Uint8Array, n);
  status("copy", bench.call("copy", bench.input(bytes), copied, n), 0);
  sameBits("copy", copied.read(), bytes);
});

const bytesOfView = (mirrored: number, down: number, right: number): number =>
  mirrored | ((down & 0xff) << 8) | ((right & 0xff) << 16);

const views = property(
  "views of images",
  fc.record({
    count: fc.integer({ min: 1, max: 6 }),
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.integer({ min: 1, max: 4 }),
    seed: seeds,
  }),
  (bench, { count, height, width, channels, seed }) => {
    const random = numbers(seed);
    const [rows, row] = [3, height * width * channels];
    const bytes = random.bytes(rows * row);
    const [scale, offset] = [Math.fround(1 / 127.5), -1];
    const indices = Uint32Array.from({ length: count }, () => random.below(rows));
    const moves = Array.from({ length: count }, (_, i) =>
      i === 0 ? [0, 0, 0] : [random.below(2), random.below(21) - 10, random.below(21) - 10],
    ) as [number, number, number][];
    const seen = Uint32Array.from(moves, (move) => bytesOfView(...move));
    const images = bench.output(Float32Array, count * row);
    const inputs = [bench.input(bytes), bench.input(indices), bench.input(seen)] as const;
    const kernel = bench.call("gather_views", ...inputs, count, height, width, channels, scale, offset, images);
    status("gather_views", kernel, 0);
    const expected = moves.flatMap(([mirrored, down, right], image) => {
      const byteAt = (y: number, x: number, channel: number): number => {
        const [fromY, seenX] = [y - down, x - right];
        if (fromY < 0 || fromY >= height || seenX < 0 || seenX >= width) return 0;
        const fromX = mirrored ? width - 1 - seenX : seenX;
        return bytes[indices[image]! * row + (fromY * width + fromX) * channels + channel]!;
      };
      return Array.from({ length: row }, (_, i) => {
        const pixel = Math.floor(i / channels);
        const byte = byteAt(Math.floor(pixel / width), pixel % width, i % channels);
        return Math.fround(byte * scale) + offset;
      });
    });
    sameBits("images", images.read(), Float32Array.from(expected));
  },
);

export const elementwiseProperties = [maps, gradients, activations, slopes, adaptive, gathers, views, sums, plain];
