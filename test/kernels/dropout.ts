/** Dropout by the number of an element, whoever works on it. */
import fc from "../fast-check.ts";
import { wordOf } from "../oracle/ops/dropout.ts";
import { lengths, numbers, seeds } from "./arbitrary.ts";
import { at, k } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";

const drops = property(
  "dropout, whole and in part",
  fc.record({ count: lengths, skipped: fc.nat({ max: 9 }), rate: fc.constantFrom(0, 0.1, 0.5, 0.9), seed: seeds }),
  (bench, { count, skipped, rate, seed }) => {
    const random = numbers(seed);
    const [x, before] = [random.reals(count), random.reals(count)];
    const key = [random.below(2 ** 24), random.below(2 ** 24), random.below(2 ** 24)] as const;
    const scale = Math.fround(1 / (1 - rate));
    const expected = x.map((value, i) => (wordOf(skipped + i, key) < Math.floor(rate * 2 ** 32) ? 0 : value * scale));
    const draws = bench.input(Float32Array.from(key));
    const source = bench.input(x);
    const given = { x: source, count, first: skipped, rate, draws };
    const y = bench.output(Float32Array, count);
    status("dropout", bench.call(k.dropout({ ...given, accumulate: false, y })), 0);
    sameBits("y", y.read(), expected);
    const onto = bench.state(before);
    status("dropout", bench.call(k.dropout({ ...given, accumulate: true, y: onto })), 0);
    const sums = before.map((value, i) => value + expected[i]!);
    sameBits("y added up", onto.read(), sums);
    const from = random.below(count);
    const some = bench.output(Float32Array, count - from);
    const part = { ...given, x: at(source, 4 * from), count: count - from, first: skipped + from };
    status("dropout", bench.call(k.dropout({ ...part, accumulate: false, y: some })), 0);
    sameBits("a part of y", some.read(), expected.slice(from));
    const place = random.below(count);
    const broken = bench.input(x.map((value, i) => (i === place ? Number.NaN : value)));
    status("dropout of NaN", bench.call(k.dropout({ ...given, x: broken, accumulate: false, y })), 1);
  },
);

export const dropoutProperties = [drops];
