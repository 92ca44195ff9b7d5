/**
 * The decomposition theorem at work (PC++, arXiv 2402.17710, Theorem 1). PC++ with (T o P, T' o P) is ProxConnect on l
 * o T, iterate by iterate. One test is in f64 through the public quantizers, one in f32 through the kernels.
 */
import { describe, expect, it } from "vitest";
import {
  backwardMapNumbers,
  type ComposeOptions,
  compose,
  constant,
  forwardMapNumbers,
  pairOf,
  proximals,
  type Quantizer,
  transforms,
} from "../ts/quantizers/index.ts";
import { encodeTable } from "../ts/quantizers/maps.ts";
import { instantiate } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { createBench, k } from "./kernels/bench.ts";

type Map = (x: number) => number;

const sign: Map = (x) => (x >= 0 ? 1 : -1);
const clip: Map = (x) => Math.max(-1, Math.min(1, x));
const L: Map = (x) => (Math.abs(x) >= 0.75 ? sign(x) : sign(x) * (0.25 + Math.abs(x)));
const proxQuant: Map = (x) => {
  const [sided, away] = [Math.abs(x) - 1, 0.3];
  return sign(x) * (1 + Math.sign(sided) * Math.max(0, Math.abs(sided) - away));
};
const logistic: Map = (u) => 1 / (1 + Math.exp(-u));

interface Case {
  readonly parts: ComposeOptions;
  readonly P: Map;
  readonly T: Map;
  readonly slope: Map;
}

/** P, T and T' once as parts of a quantizer and once as they are defined. */
const cases: readonly Case[] = [
  {
    parts: { proximal: "hardTanh", transform: "poly" },
    P: clip,
    T: (v) => v * (2 - Math.abs(v)),
    slope: (v) => 2 - 2 * Math.abs(v),
  },
  {
    parts: { proximal: proximals.piecewiseLinear({ rho: 0.25, varrho: 0.25 }), transform: transforms.tanh({ t: 2 }) },
    P: L,
    T: (v) => Math.tanh(2 * v),
    slope: (v) => 2 / Math.cosh(2 * v) ** 2,
  },
  {
    parts: { proximal: "identity", transform: transforms.signSwish({ beta: 3 }) },
    P: (x) => x,
    T: (v) => 2 * logistic(3 * v) * (1 + 3 * v * (1 - logistic(3 * v))) - 1,
    slope: (v) => (3 * (2 - 3 * v * Math.tanh(1.5 * v))) / (1 + Math.cosh(3 * v)),
  },
  {
    parts: { proximal: proximals.proxQuant({ lambda: 0.3 }), transform: transforms.ede({ t: 0.5 }) },
    P: proxQuant,
    T: (v) => 2 * Math.tanh(v / 2),
    slope: (v) => 1 / Math.cosh(v / 2) ** 2,
  },
  {
    parts: { proximal: "sign", transform: transforms.tanh({ t: 1.5 }) },
    P: sign,
    T: (v) => Math.tanh(1.5 * v),
    slope: (v) => 1.5 / Math.cosh(1.5 * v) ** 2,
  },
  {
    parts: { proximal: proximals.piecewiseLinear({ rho: 0.25, varrho: 0.25 }), transform: "identity" },
    P: L,
    T: (v) => v,
    slope: () => 1,
  },
  { parts: { proximal: "sign", transform: "identity" }, P: sign, T: (v) => v, slope: () => 1 },
];

const nameOf = ({ proximal, forward }: Quantizer): string =>
  proximal === "identity" ? forward : `${forward} of ${proximal}`;

const start: readonly number[] = [0.31, -0.77, 1.4, -0.02, 0.9, -1.9, 0.11, 0.6];
const target: readonly number[] = [0.8, 0.3, -0.4, 0.7, -0.9, 0.2, -0.6, 0.5];
const [steps, eta] = [300, 0.05];

/** The gradient of a convex l that ties neighbours together: (w_i - target_i) + (w_i - w_{i+1}) / 2, in a circle. */
const gradient = (w: readonly number[]): readonly number[] =>
  w.map((x, i) => x - (target[i] ?? 0) + (x - (w[(i + 1) % w.length] ?? 0)) / 2);

describe("PC++ with (T o P, T' o P) is ProxConnect on l o T", () => {
  it.each(cases.map((each) => [nameOf(compose(each.parts)), each] as const))(
    "in f64: %s",
    (_, { parts, P, T, slope }) => {
      const { forward, backward } = pairOf(compose({ ...parts, hardenAt: 1 }), 0);
      let [plus, proximal] = [start, start];
      for (let step = 0; step < steps; step += 1) {
        const g = gradient(plus.map(forward));
        plus = plus.map((w, i) => w - eta * backward(w) * (g[i] ?? 0));
        const v = proximal.map(P);
        const h = gradient(v.map(T));
        proximal = proximal.map((w, i) => w - eta * slope(v[i] ?? 0) * (h[i] ?? 0));
        for (const [i, w] of plus.entries())
          expect(Math.abs(w - (proximal[i] ?? 0)), `step ${step}`).toBeLessThan(1e-12);
      }
      // The iteration went somewhere: otherwise all this says nothing.
      expect(Math.max(...plus.map((w, i) => Math.abs(w - (start[i] ?? 0))))).toBeGreaterThan(0.1);
    },
  );

  it("in f64 with functions of the caller's, as far as the table goes", () => {
    const pair = pairOf(
      compose({ proximal: "hardTanh", transform: transforms.fromFunction(Math.sin, Math.cos), hardenAt: 1 }),
      0,
    );
    let [plus, proximal] = [start, start];
    for (let step = 0; step < steps; step += 1) {
      const g = gradient(plus.map(pair.forward));
      plus = plus.map((w, i) => w - eta * pair.backward(w) * (g[i] ?? 0));
      const v = proximal.map(clip);
      const h = gradient(v.map(Math.sin));
      proximal = proximal.map((w, i) => w - eta * Math.cos(v[i] ?? 0) * (h[i] ?? 0));
    }
    for (const [i, w] of plus.entries()) expect(Math.abs(w - (proximal[i] ?? 0))).toBeLessThan(1e-6);
  });
});

describe("in f32 by the kernels, P before T in one call and in two, to the same bits", () => {
  const all = [
    ...cases.map(({ parts }) => parts),
    { proximal: "hardTanh", transform: transforms.fromFunction(Math.sin, Math.cos) },
  ] satisfies readonly ComposeOptions[];

  it.each(all.map((parts) => [nameOf(compose(parts)), parts] as const))("%s", async (_, parts) => {
    const bench = createBench(instantiate(await loadModule("plain")));
    const n = start.length;
    const quantizer = compose({ ...parts, hardenAt: 1 });
    const values = quantizer.parameters.map((schedule) => {
      if (schedule.kind !== "constant") throw new Error("the case's parameters are constant");
      return schedule.value;
    });
    const own = quantizer.proximal === "piecewiseLinear" ? 2 : quantizer.proximal === "proxQuant" ? 1 : 0;
    const zero = Float32Array.of(0, 0, 0, 0);
    const settings = (numbers: readonly number[]): Float32Array => Float32Array.of(...numbers, 0, 0, 0, 0).slice(0, 4);
    const tables = quantizer.table === null ? zero : encodeTable(quantizer.table);
    const { forward, backward } = pairOf(quantizer, 0);
    const [P, F, B] = [
      forwardMapNumbers[quantizer.proximal],
      forwardMapNumbers[quantizer.forward],
      backwardMapNumbers[quantizer.backward],
    ];

    /** F(x) and gy B(x) by the kernels, P before them where `proximal` is not the identity's number. */
    const F32 = (proximal: number, map: number, numbers: readonly number[], x: Float32Array): Float32Array => {
      const y = bench.output(Float32Array, n);
      const table = quantizer.table === null ? null : bench.input(tables);
      const maps = { proximal, map, parameters: bench.input(settings(numbers)), table };
      expect(bench.call(k.quantizeForward({ ...maps, x: bench.input(x), y, count: n }))).toBe(0);
      return y.read();
    };
    const B32 = (proximal: number, numbers: readonly number[], x: Float32Array, gy: Float32Array): Float32Array => {
      const gx = bench.output(Float32Array, n);
      const table = quantizer.table === null ? null : bench.input(tables);
      const maps = { proximal, map: B, parameters: bench.input(settings(numbers)), table };
      const operands = { x: bench.input(x), dy: bench.input(gy), accumulate: false, dx: gx, count: n };
      expect(bench.call(k.quantizeBackward({ ...maps, ...operands }))).toBe(0);
      return gx.read();
    };
    const g32 = (w: Float32Array): Float32Array => Float32Array.from(gradient([...w]));

    let [plus, proximal] = [Float32Array.from(start), Float32Array.from(start)];
    for (let step = 0; step < steps; step += 1) {
      bench.fresh();
      const before = [...plus];
      const gx = B32(P, values, plus, g32(F32(P, F, values, plus)));
      plus = plus.map((w, i) => w - eta * (gx[i] ?? 0));
      // ProxConnect on l o T: P by itself, then T and T' of its value.
      const v = F32(0, P, values.slice(0, own), proximal);
      const shared = values.slice(own);
      const hx = B32(0, shared, v, g32(F32(0, F, shared, v)));
      proximal = proximal.map((w, i) => w - eta * (hx[i] ?? 0));
      expect([...plus], `step ${step}`).toEqual([...proximal]);
      // The same step in f64 from the same iterate.
      const g = gradient(before.map(forward));
      const exact = before.map((w, i) => w - eta * backward(w) * (g[i] ?? 0));
      for (const [i, w] of plus.entries()) expect(Math.abs(w - (exact[i] ?? 0)), `step ${step}`).toBeLessThan(2e-6);
    }
    expect(Math.max(...plus.map((w, i) => Math.abs(w - (start[i] ?? 0))))).toBeGreaterThan(0.1);
  });
});

it("a composition's parameters may be numbers: they stay constant", () => {
  expect(compose({ proximal: "clip", transform: transforms.tanh({ t: 2 }) }).parameters).toEqual([constant(2)]);
});
