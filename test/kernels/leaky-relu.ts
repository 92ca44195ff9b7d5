/** Leaky ReLU against its definition, bit for bit. */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
import { property } from "./property.ts";

export const leakyReluProperties = [
  property(
    "leaky relu and its gradient",
    fc.record({ n: lengths, slope: fc.constantFrom(0, 0.3, 1, 1.5), seed: seeds }),
    (bench, { n, slope, seed }) => {
      const random = numbers(seed);
      const [x, dy, before] = [random.reals(n), random.reals(n), random.reals(n)];
      const half = Math.fround(slope);
      const y = bench.output(Float32Array, n);
      status("leaky_relu_forward", bench.call(k.leakyReluForward({ x: bench.input(x), slope, y, count: n })), 0);
      sameBits(
        "y",
        y.read(),
        x.map((value) => (value > 0 ? value : half * value)),
      );
      const share = dy.map((gradient, i) => (x[i]! > 0 ? gradient : half * gradient));
      const inputs = { x: bench.input(x), dy: bench.input(dy), slope, count: n };
      const [dx, onto] = [bench.output(Float32Array, n), bench.state(before)];
      status("leaky_relu_backward", bench.call(k.leakyReluBackward({ ...inputs, accumulate: false, dx })), 0);
      status("leaky_relu_backward", bench.call(k.leakyReluBackward({ ...inputs, accumulate: true, dx: onto })), 0);
      sameBits("dx", dx.read(), share);
      sameNumbers(
        "dx, added",
        onto.read(),
        share.map((value, i) => before[i]! + value),
      );
      x[random.below(n)] = Number.NaN;
      const bad = bench.input(x);
      status("leaky_relu_forward of NaN", bench.call(k.leakyReluForward({ x: bad, slope, y, count: n })), 1);
      const call = k.leakyReluBackward({ ...inputs, x: bad, accumulate: false, dx });
      status("leaky_relu_backward of NaN", bench.call(call), 1);
    },
  ),
];
