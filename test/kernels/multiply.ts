/** Products element by element, and their gradients. */
import fc from "../fast-check.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const products = property(
  "products of two tensors, and back",
  fc.record({ count: lengths, seed: seeds }),
  (bench, { count, seed }) => {
    const random = numbers(seed);
    const [a, b, before] = [random.reals(count), random.reals(count), random.reals(count)];
    const product = a.map((value, i) => value * b[i]!);
    const sums = before.map((value, i) => value + product[i]!);
    const [left, right] = [bench.input(a), bench.input(b)];
    const [y, dx, onto] = [
      bench.output(Float32Array, count),
      bench.output(Float32Array, count),
      bench.state(before),
    ] as const;
    status("multiply_forward", bench.call(k.multiplyForward({ a: left, b: right, y, count })), 0);
    sameBits("y", y.read(), product);
    const given = { dy: left, other: right, count };
    status("multiply_backward", bench.call(k.multiplyBackward({ ...given, accumulate: false, dx })), 0);
    sameBits("dx", dx.read(), product);
    status("multiply_backward", bench.call(k.multiplyBackward({ ...given, accumulate: true, dx: onto })), 0);
    sameBits("dx added up", onto.read(), sums);

    const place = random.below(count);
    const broken = (bad: number) => bench.input(a.map((value, i) => (i === place ? bad : value)));
    const zeros = bench.input(b.map((value, i) => (i === place ? 0 : value)));
    const infinite = broken(Number.POSITIVE_INFINITY);
    status("multiply_forward of inf and 0", bench.call(k.multiplyForward({ a: infinite, b: zeros, y, count })), 1);
    const bad = { ...given, dy: broken(Number.NaN), accumulate: false, dx };
    status("multiply_backward of NaN", bench.call(k.multiplyBackward(bad)), 1);
  },
);

export const multiplyProperties = [products];
