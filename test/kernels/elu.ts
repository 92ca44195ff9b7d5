/** The exponential linear unit against its definition in f64. */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

export const eluProperties = [
  property(
    "elu and its gradient",
    fc.record({ n: lengths, alpha: fc.constantFrom(0, 0.7, 1), spread: fc.constantFrom(1, 60), seed: seeds }),
    (bench, { n, alpha, spread, seed }) => {
      const random = numbers(seed);
      const [dy, before] = [random.reals(n), random.reals(n)];
      const x = random.reals(n).map((value) => spread * value);
      const scale = Math.fround(alpha);
      const y = bench.output(Float32Array, n);
      status("elu_forward", bench.call(k.eluForward({ x: bench.input(x), alpha, y, count: n })), 0);
      const values = Float64Array.from(x, (value) => (value > 0 ? value : scale * Math.expm1(value)));
      // The core's exponentials are off by 4 units, and end at e^-87; a product or two follow.
      const [near, least] = [8 * unit, 4e-38];
      within("y", y.read(), values, (i) => (x[i]! > 0 ? 0 : near * Math.abs(values[i]!) + 2 ** -149));
      const inputs = { x: bench.input(x), dy: bench.input(dy), alpha, count: n };
      const [dx, onto] = [bench.output(Float32Array, n), bench.state(before)];
      status("elu_backward", bench.call(k.eluBackward({ ...inputs, accumulate: false, dx })), 0);
      status("elu_backward", bench.call(k.eluBackward({ ...inputs, accumulate: true, dx: onto })), 0);
      const slope = (value: number): number => (value > 0 ? 1 : scale * Math.exp(value));
      const gradients = Float64Array.from(dy, (gradient, i) => gradient * slope(x[i]!));
      within("dx", dx.read(), gradients, (i) => (x[i]! > 0 ? 0 : near * Math.abs(gradients[i]!) + least));
      const share = dx.read();
      sameNumbers(
        "dx, added",
        onto.read(),
        share.map((value, i) => before[i]! + value),
      );
      x[random.below(n)] = Number.NaN;
      const bad = bench.input(x);
      status("elu_forward of NaN", bench.call(k.eluForward({ x: bad, alpha, y, count: n })), 1);
      status("elu_backward of NaN", bench.call(k.eluBackward({ ...inputs, x: bad, accumulate: false, dx })), 1);
    },
  ),
];
