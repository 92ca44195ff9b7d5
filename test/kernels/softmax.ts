/** Softmax over rows against its definition in f64. */
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

/** Sums over rows of `c` numbers, one for each element. */
function rowSums(c: number, values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length / c);
  values.forEach((value, i) => {
    sums[Math.floor(i / c)]! += value;
  });
  return values.map((_, i) => sums[Math.floor(i / c)]!);
}

export const softmaxProperties = [
  property(
    "softmax of each row, and its gradient",
    fc.record({
      rows: fc.integer({ min: 1, max: 40 }),
      c: tails,
      spread: fc.constantFrom(1, 10, 100),
      seed: seeds,
    }),
    (bench, { rows, c, spread, seed }) => {
      const random = numbers(seed);
      const [dy, before] = [random.reals(rows * c), random.reals(rows * c)];
      const x = random.reals(rows * c).map((value) => spread * value - 1);
      const y = bench.output(Float32Array, rows * c);
      status("softmax_forward", bench.call(k.softmaxForward({ x: bench.input(x), rows, channels: c, y })), 0);
      const largest = Float64Array.from(x, (_, i) => {
        const first = i - (i % c);
        return Math.max(...x.subarray(first, first + c));
      });
      const powers = Float64Array.from(x, (value, i) => Math.exp(value - largest[i]!));
      const totals = rowSums(c, powers);
      const shares = powers.map((power, i) => power / totals[i]!);
      // The core takes powers below e^-87 for 0. The argument is rounded once, the exponential is off by 3 units.
      within("y", y.read(), shares, (i) => (16 + 2 * Math.min(88, 4 * spread)) * unit * shares[i]! + 2e-38);

      const own = y.read();
      const products = Float64Array.from(own, (share, i) => share * dy[i]!);
      const [sums, sizes] = [rowSums(c, products), rowSums(c, products.map(Math.abs))];
      const inputs = { y: bench.input(own), dy: bench.input(dy), rows, channels: c };
      const [dx, onto] = [bench.output(Float32Array, rows * c), bench.state(before)];
      for (const [accumulate, target] of [
        [false, dx],
        [true, onto],
      ] as const) {
        status("softmax_backward", bench.call(k.softmaxBackward({ ...inputs, accumulate, dx: target })), 0);
      }
      const gradients = Float64Array.from(own, (share, i) => share * (dy[i]! - sums[i]!));
      within("dx", dx.read(), gradients, (i) => 4 * unit * own[i]! * (Math.abs(dy[i]!) + sizes[i]!) + 2 ** -149);
      const share = dx.read();
      sameNumbers(
        "dx, added",
        onto.read(),
        share.map((value, i) => before[i]! + value),
      );
      x[random.below(x.length)] = Number.NaN;
      const call = k.softmaxForward({ x: bench.input(x), rows, channels: c, y });
      status("softmax_forward of NaN", bench.call(call), 1);
    },
  ),
];
