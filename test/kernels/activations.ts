/** Properties of activation functions: of straight pieces, and with learned slopes. */
import { functions, mapArguments } from "../../ts/quantizers/functions.ts";
import fc from "../fast-check.ts";
import { argumentsOf, lengths, numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
import { property } from "./property.ts";

/** Functions of pieces that are straight, bit for bit: the definition of each, and where its gradient passes. */
const straight = {
  relu: [(v: number) => Math.max(v, 0), (v: number) => v > 0],
  relu6: [(v: number) => Math.min(6, Math.max(v, 0)), (v: number) => v > 0 && v <= 6],
  hardTanh: [(v: number) => Math.min(1, Math.max(-1, v)), (v: number) => Math.abs(v) <= 1],
} as const;

const rectifiers = property("functions of straight pieces", fc.record({ n: lengths, seed: seeds }), (bench, given) => {
  const { n, seed } = given;
  const [x, gy] = [argumentsOf(n, seed), numbers(seed ^ 1).reals(n)];
  for (const [name, [value, passes]] of Object.entries(straight)) {
    const { forward, backward } = mapArguments(functions[name as keyof typeof straight], (values) =>
      bench.input(values),
    );
    const [y, gx] = [bench.output(Float32Array, n), bench.output(Float32Array, n)];
    const inputs = { x: bench.input(x), count: n };
    const back = { ...backward, ...inputs, dy: bench.input(gy) };
    status(`${name} forward`, bench.call(k.quantizeForward({ ...forward, ...inputs, y })), 0);
    sameNumbers(`${name} y`, y.read(), x.map(value));
    status(`${name} backward`, bench.call(k.quantizeBackward({ ...back, accumulate: false, dx: gx })), 0);
    const gradient = gy.map((dy, i) => (passes(x[i]!) ? dy : 0));
    sameNumbers(`${name} gx`, gx.read(), gradient);
    const onto = bench.state(gy);
    status(`${name} onto gy`, bench.call(k.quantizeBackward({ ...back, accumulate: true, dx: onto })), 0);
    const sum = gradient.map((dx, i) => gy[i]! + dx);
    sameNumbers(`${name} gx, added`, onto.read(), sum);
    const bad = bench.input(x.map((v, i) => (i === n - 1 ? Number.NaN : v)));
    status(`${name} of NaN`, bench.call(k.quantizeForward({ ...forward, x: bad, y, count: n })), 1);
  }
});

const slopes = property(
  "prelu with a slope for each channel",
  fc.record({ rows: fc.integer({ min: 1, max: 60 }), c: tails, seed: seeds }),
  (bench, { rows, c, seed }) => {
    const random = numbers(seed);
    const [x, dy, alpha] = [random.reals(rows * c), random.reals(rows * c), random.reals(c)];
    const inputs = { x: bench.input(x), dy: bench.input(dy), rows, channels: c };
    const slope = bench.input(alpha);
    const y = bench.output(Float32Array, rows * c);
    status("prelu_forward", bench.call(k.preluForward({ x: inputs.x, rows, channels: c, slopes: slope, y })), 0);
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
      [false, dx],
      [true, onto],
      [false, null],
    ] as const;
    for (const [accumulate, target] of targets) {
      const dalpha = bench.output(Float32Array, c);
      const call = k.preluBackward({ ...inputs, slopes: slope, accumulate, dx: target, dslopes: dalpha });
      status("prelu_backward", bench.call(call), 0);
      sameNumbers("dalpha", dalpha.read(), Float32Array.from(sums));
    }
    sameNumbers("dx", dx.read(), share);
    sameNumbers(
      "dx, added",
      onto.read(),
      share.map((value, i) => before[i]! + value),
    );
    const bad = x.map((value, i) => (i === rows * c - 1 ? Number.NaN : value));
    status(
      "prelu_forward of NaN",
      bench.call(k.preluForward({ x: bench.input(bad), rows, channels: c, slopes: slope, y })),
      1,
    );
  },
);

export const activationProperties = [rectifiers, slopes];
