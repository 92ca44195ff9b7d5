/** Layer normalisation over rows against its definition in f64. */
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A row by the definition, and the magnitudes of what is rounded. */
function rowOf(x: Float64Array, dy: Float64Array, gamma: Float64Array, epsilon: number) {
  const middle = mean(x);
  const inverse = 1 / Math.sqrt(mean(x.map((value) => (value - middle) ** 2)) + epsilon);
  const hat = x.map((value) => (value - middle) * inverse);
  const reach = x.map((value) => (Math.abs(value) + Math.abs(middle)) * inverse);
  const g = dy.map((value, c) => value * gamma[c]!);
  const [level, slope] = [mean(g), mean(g.map((value, c) => value * hat[c]!))];
  const [levels, slopes] = [mean(g.map(Math.abs)), mean(g.map((value, c) => Math.abs(value) * reach[c]!))];
  return {
    hat,
    reach,
    dx: g.map((value, c) => inverse * (value - level - hat[c]! * slope)),
    size: g.map((value, c) => inverse * (Math.abs(value) + levels + reach[c]! * slopes)),
  };
}

export const layerNormProperties = [
  property(
    "layer norm: values, and gradients at input, gamma and beta",
    fc.record({ rows: fc.integer({ min: 1, max: 40 }), c: tails, seed: seeds }),
    (bench, { rows, c, seed }) => {
      const random = numbers(seed);
      const [x, dy, before] = [random.reals(rows * c), random.reals(rows * c), random.reals(rows * c)];
      const [gamma, beta, eps] = [random.reals(c), random.reals(c), Math.fround(1e-3)];
      const own = { rows, channels: c, gamma: bench.input(gamma) };
      const forward = { ...own, beta: bench.input(beta), eps };
      const [y, again] = [bench.output(Float32Array, rows * c), bench.output(Float32Array, rows * c)];
      const saved = bench.output(Float32Array, 2 * rows);
      const given = bench.input(x);
      status("layer_norm_forward", bench.call(k.layerNormForward({ ...forward, x: given, y, saved })), 0);
      const alone = k.layerNormForward({ ...forward, x: given, y: again, saved: null });
      status("layer_norm_forward", bench.call(alone), 0);
      sameBits("y without statistics", again.read(), y.read());

      const [dx, onto] = [bench.output(Float32Array, rows * c), bench.state(before)];
      const kept = bench.input(saved.read());
      const inputs = { ...own, x: given, dy: bench.input(dy), saved: kept };
      const targets = [
        [false, dx],
        [true, onto],
        [false, null],
      ] as const;
      const sums = targets.map(([accumulate, target]) => {
        const [dgamma, dbeta] = [bench.output(Float32Array, c), bench.output(Float32Array, c)];
        const call = k.layerNormBackward({ ...inputs, accumulate, dx: target, dgamma, dbeta });
        status("layer_norm_backward", bench.call(call), 0);
        return [dgamma.read(), dbeta.read()] as const;
      });
      const [expected, size] = [new Float64Array(rows * c), new Float64Array(rows * c)];
      const [reach, values] = [new Float64Array(rows * c), new Float64Array(rows * c)];
      const [ofGamma, ofBeta, mostGamma, mostBeta] = [0, 1, 2, 3].map(() => new Float64Array(c));
      for (let row = 0; row < rows; row++) {
        const part = (all: Float32Array): Float64Array => Float64Array.from(all.subarray(row * c, (row + 1) * c));
        const found = rowOf(part(x), part(dy), Float64Array.from(gamma), eps);
        expected.set(found.dx, row * c);
        size.set(found.size, row * c);
        reach.set(found.reach, row * c);
        values.set(
          found.hat.map((value, i) => value * gamma[i]! + beta[i]!),
          row * c,
        );
        part(dy).forEach((gradient, i) => {
          ofGamma![i]! += gradient * found.hat[i]!;
          ofBeta![i]! += gradient;
          mostGamma![i]! += Math.abs(gradient) * found.reach[i]!;
          mostBeta![i]! += Math.abs(gradient);
        });
      }
      within("y", y.read(), values, (i) => 8 * unit * (reach[i]! * Math.abs(gamma[i % c]!) + Math.abs(beta[i % c]!)));
      within("dx", dx.read(), expected, (i) => 16 * unit * size[i]!);
      const share = dx.read();
      sameNumbers(
        "dx, added",
        onto.read(),
        share.map((value, i) => before[i]! + value),
      );
      for (const [dgamma, dbeta] of sums) {
        within("dgamma", dgamma, ofGamma!, (i) => 8 * unit * mostGamma![i]!);
        within("dbeta", dbeta, ofBeta!, (i) => 2 * unit * mostBeta![i]!);
      }
      x[random.below(x.length)] = Number.NaN;
      const call = k.layerNormForward({ ...forward, x: bench.input(x), y, saved: null });
      status("layer_norm_forward of NaN", bench.call(call), 1);
    },
  ),
];
