/** The map of a filter by a network, its way back, and the loss of its signs, each beside its definition. */

import { mappedWeights } from "../../ts/quantizers/filter-map.ts";
import fc from "../fast-check.ts";
import { numbers, seeds, tails } from "./arbitrary.ts";
import { k } from "./bench.ts";
import { status, unit, within } from "./compare.ts";
import { property } from "./property.ts";

const kernels = fc.record({
  rows: fc.integer({ min: 1, max: 9 }),
  n: tails,
  units: fc.integer({ min: 1, max: 3 }),
  seed: seeds,
});

const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const maps = property("filters mapped by a network", kernels, (bench, { rows, n, units, seed }) => {
  const random = numbers(seed);
  const [count, size] = [rows * n, units * (2 * rows + 1)];
  const [w, mapping, dt] = [random.reals(count), random.reals(size), random.reals(count)];
  const [hidden, t] = [bench.output(Float32Array, units * n), bench.output(Float32Array, count)];
  const given = { k: rows, n, mapping: bench.input(mapping), units };
  status("map_filters", bench.call(k.mapFilters({ ...given, w: bench.input(w), hidden, t })), 0);
  const wide = Float64Array.from(w);
  const height = (largest(w) + 1) * (1 + largest(mapping)) * (1 + rows * largest(mapping));
  within("value", t.read(), mappedWeights(wide, n, mapping), () => 8 * unit * (rows + units) * units * height);
  const [room, dw, dMapping] = [
    bench.output(Float32Array, n),
    bench.output(Float32Array, count),
    bench.output(Float32Array, size),
  ];
  const back = {
    ...given,
    w: bench.input(w),
    hidden: bench.input(hidden.read()),
    dt: bench.input(dt),
    room,
    dw,
    dMapping,
  };
  status("map_filters_backward", bench.call(k.mapFiltersBackward(back)), 0);
  const loss = (own: Float64Array, map: Float64Array): number =>
    mappedWeights(own, n, map).reduce((sum, value, i) => sum + value * dt[i]!, 0);
  const wideMap = Float64Array.from(mapping);
  const slopes = (at: Float64Array, value: (other: Float64Array) => number): Float64Array =>
    at.map((x, i) => (value(at.with(i, x + 1e-5)) - value(at.with(i, x - 1e-5))) / 2e-5);
  // Differences have an error of their own.
  const allowed = (1e-8 + 16 * unit * (rows + n)) * units * count * height * height;
  within(
    "gradient",
    dw.read(),
    slopes(wide, (own) => loss(own, wideMap)),
    () => allowed,
  );
  within(
    "gradient of the map",
    dMapping.read(),
    slopes(wideMap, (map) => loss(wide, map)),
    () => allowed,
  );
  const bad = w.map((value, i) => (i === count - 1 ? Number.NaN : value));
  status("map_filters of NaN", bench.call(k.mapFilters({ ...given, w: bench.input(bad), hidden, t })), 1);
});

const labels = property("losses of noisy signs", fc.record({ n: tails, seed: seeds }), (bench, { n: count, seed }) => {
  const random = numbers(seed);
  const [w, t, plus, minus, factor] = [random.reals(count), random.reals(count), 0.25, 0.125, 0.5];
  const [dt, result] = [bench.output(Float32Array, count), bench.output(Float64Array, 1)];
  const given = { w: bench.input(w), count, plus, minus, factor, dt, result };
  status("supervise_signs", bench.call(k.superviseSigns({ ...given, t: bench.input(t) })), 0);
  const rates = (i: number) => (w[i]! >= 0 ? ([1, plus, minus] as const) : ([-1, minus, plus] as const));
  const rest = 1 - plus - minus;
  let sum = 0;
  for (const [i, x] of t.entries()) {
    const [y, own, other] = rates(i);
    sum += ((1 - other) * (x - y) ** 2 - own * (x + y) ** 2) / rest;
  }
  within("sum", result.read(), [sum], () => 1e-12 * (1 + count) * (1 + largest(t)) ** 2);
  const wanted = Float64Array.from(t, (x, i) => {
    const [y, own, other] = rates(i);
    return factor * 2 * (x - (y * (1 - other + own)) / rest);
  });
  within("slopes", dt.read(), wanted, (i) => 4 * unit * (Math.abs(wanted[i]!) + 1));
  const bad = bench.input(t.map((value, i) => (i === count - 1 ? Number.NaN : value)));
  status("supervise_signs of NaN", bench.call(k.superviseSigns({ ...given, t: bad })), 1);
});

export const filterMapProperties = [maps, labels];
