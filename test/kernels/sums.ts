import fc from "../fast-check.ts";
import { lengths, numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { sameBits, sameNumbers, status } from "./compare.ts";
import { property } from "./property.ts";

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
    status("column_sums", bench.call(k.columnSums({ x: bench.input(x), rows, columns: n, out })), 0);
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
    status(
      "sum_lanes",
      bench.call(k.sumLanes({ partials: bench.input(partials), lanes, stride, count: n, out: total })),
      0,
    );
    sameNumbers("lanes", total.read(), expected);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = partials.slice();
      broken[(lanes - 1) * stride + n - 1] = bad;
      status(
        `sum_lanes of ${bad}`,
        bench.call(k.sumLanes({ partials: bench.input(broken), lanes, stride, count: n, out: total })),
        1,
      );
    }
  },
);

const plain = property("add and copy", fc.record({ n: lengths, seed: seeds }), (bench, { n, seed }) => {
  const random = numbers(seed);
  const [a, b] = [random.reals(n), random.reals(n)];
  const sum = a.map((value, i) => value + b[i]!);
  const [left, right, y] = [bench.input(a), bench.input(b), bench.output(Float32Array, n)];
  status("add", bench.call(k.add({ a: left, b: right, y, count: n })), 0);
  sameBits("a + b", y.read(), sum);
  const grown = bench.state(a);
  status("add_into", bench.call(k.addInto({ y: grown, x: right, count: n })), 0);
  sameBits("a += b", grown.read(), sum);
  const bytes = random.bytes(n);
  const copied = bench.output(Uint8Array, n);
  status("copy", bench.call(k.copy({ from: bench.input(bytes), to: copied, bytes: n })), 0);
  sameBits("copy", copied.read(), bytes);
});

const distances = property(
  "squared distances, and their gradients",
  fc.record({ n: lengths, factor: fc.constantFrom(0, 0.25, 1 / 3, 7), seed: seeds }),
  (bench, { n, factor, seed }) => {
    const random = numbers(seed);
    const [a, b, before] = [random.reals(n), random.reals(n), random.reals(n)];
    for (const other of [b, null]) {
      const from = (i: number): number => other?.[i] ?? 0;
      const given = { a: bench.input(a), b: other === null ? null : bench.input(other), count: n };
      const result = bench.output(Float64Array, 1);
      status("squared_distance", bench.call(k.squaredDistance({ ...given, result })), 0);
      const sums = [0, 0, 0, 0] as [number, number, number, number];
      a.forEach((value, i) => {
        sums[i % 4]! += (value - from(i)) ** 2;
      });
      sameNumbers("distance", result.read(), [sums[0] + sums[1] + (sums[2] + sums[3])]);

      const slope = Math.fround(factor);
      const share = a.map((value, i) => Math.fround(slope * Math.fround(value - from(i))));
      const [written, added] = [bench.output(Float32Array, n), bench.state(before)];
      const write = k.addDifference({ ...given, factor, accumulate: false, y: written });
      status("add_difference", bench.call(write), 0);
      sameBits("gradient", written.read(), share);
      status("add_difference", bench.call(k.addDifference({ ...given, factor, accumulate: true, y: added })), 0);
      sameBits(
        "gradient added",
        added.read(),
        share.map((value, i) => before[i]! + value),
      );
      if (n === 0) continue;
      const broken = a.with(random.below(n), Number.NaN);
      const call = k.squaredDistance({ ...given, a: bench.input(broken), result });
      status("squared_distance of NaN", bench.call(call), 1);
    }
  },
);

export const sumProperties = [sums, plain, distances];
