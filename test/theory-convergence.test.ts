/**
 * The theory of ProxConnect promises two things for convex problems (Demystifying and Generalizing BinaryConnect, arXiv
 * 2110.13220). The iteration is a generalised conditional gradient, and dual averaging has a bounded gap. The tests run
 * in f64, for two convex regularisers. P and mu_t come out of the public quantizers and schedules.
 */
import { describe, expect, it } from "vitest";
import { accumulated, compose, evaluateSchedule, forwardValue, pairOf, proximals } from "../ts/quantizers/index.ts";

type Vector = readonly number[];

const map2 = (a: Vector, b: Vector, f: (x: number, y: number) => number): Vector => a.map((x, i) => f(x, b[i] ?? 0));
const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

interface Quadratic {
  readonly value: (w: Vector) => number;
  readonly gradient: (w: Vector) => Vector;
  /** Upper bounds over the unit box: the largest eigenvalue of the second derivative, and the gradient's norm. */
  readonly curvature: number;
  readonly steepest: number;
}

/**
 * The value |A w - b|^2 scale / (2 rows), but for a constant. Columns of A go from 1 down to 1 / condition, and |b| <=
 * targets.
 */
function leastSquares(
  seed: number,
  rows: number,
  columns: number,
  scale: number,
  targets: number,
  condition: number,
): Quadratic {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  };
  const A = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, (_, j) => random() * condition ** (-j / (columns - 1))),
  );
  const b = Array.from({ length: rows }, () => targets * random());
  const column = (j: number): Vector => A.map((row) => row[j] ?? 0);
  const H = A[0]?.map((_, i) => A[0]?.map((__, j) => (scale * dot(column(i), column(j))) / rows) ?? []) ?? [];
  const c = H.map((_, j) => (scale * dot(column(j), b)) / rows);
  const curvature = Math.sqrt(H.flat().reduce((sum, h) => sum + h * h, 0));
  return {
    value: (w) =>
      dot(
        w,
        H.map((row) => dot(row, w)),
      ) /
        2 -
      dot(c, w),
    gradient: (w) => H.map((row, i) => dot(row, w) - (c[i] ?? 0)),
    curvature,
    steepest: curvature * Math.sqrt(columns) + Math.sqrt(dot(c, c)),
  };
}

interface Course {
  readonly averages: readonly Vector[];
  readonly last: Vector;
}

const moments = [10, 100, 1000, 10_000];

/**
 * Dual averaging: w_t = P(w*_t), w* <- w* - eta_t g(w_t). Yields the average of w_t at each of `moments`, and the last
 * w_t.
 */
function dualAveraging(
  start: Vector,
  proximal: (latent: Vector, t: number) => Vector,
  gradient: (w: Vector) => Vector,
  eta: (t: number) => number,
): Course {
  let [latent, sum, last]: [Vector, Vector, Vector] = [start, start.map(() => 0), start];
  const averages: Vector[] = [];
  for (let t = 1; t <= 10_000; t += 1) {
    last = proximal(latent, t);
    sum = map2(sum, last, (s, w) => s + w);
    if (moments.includes(t)) averages.push(sum.map((s) => s / t));
    latent = map2(latent, gradient(last), (w, g) => w - eta(t) * g);
  }
  return { averages, last };
}

/** The minimiser of `smooth` plus a simple term, by the proximal gradient method run until nothing moves. */
function minimiser(smooth: Quadratic, start: Vector, proximal: (x: number, step: number) => number): Vector {
  const step = 1 / smooth.curvature;
  let w = start;
  for (let iteration = 0; iteration < 40_000; iteration += 1) {
    w = map2(w, smooth.gradient(w), (x, g) => proximal(x - step * g, step));
  }
  return w;
}

const softThreshold = (x: number, by: number): number => Math.sign(x) * Math.max(0, Math.abs(x) - by);

/** Each gap is at most the figure known for such a problem, and at least a quarter of it. */
function expectCourse(gaps: readonly number[], known: readonly number[]): void {
  gaps.forEach((gap, index) => {
    expect(gap, `at t = ${moments[index]}`).toBeLessThanOrEqual(1.05 * (known[index] ?? 0));
    expect(gap, `at t = ${moments[index]}`).toBeGreaterThan((known[index] ?? 0) / 4);
  });
}

describe("ProxConnect's guarantees", () => {
  it("is the generalised conditional gradient u <- (1 - lambda) u - lambda g(w), u = w* / mu, lambda = eta / mu'", () => {
    const steps = 500;
    const { gradient } = leastSquares(3, 20, 6, 1, 2, 1);
    const eta = (t: number): number => 0.3 / Math.sqrt(t + 1);
    const P = (x: number, mu: number): number => forwardValue("piecewiseLinear", x, [0.02 * mu, 0.01 * mu]);
    let latent: Vector = [0.3, -0.7, 0.1, 1.2, -1.5, 0.02];
    let mu = 1;
    let u = latent;
    for (let t = 0; t < steps; t += 1) {
      const g = gradient(latent.map((x) => P(x, mu)));
      const next = mu + eta(t);
      const lambda = eta(t) / next;
      latent = map2(latent, g, (x, slope) => x - eta(t) * slope);
      u = map2(u, g, (x, slope) => (1 - lambda) * x - lambda * slope);
      mu = next;
      for (const [index, x] of u.entries()) expect(Math.abs(x - (latent[index] ?? 0) / mu)).toBeLessThan(1e-12);
    }
  });

  it("closes the gap like 1/t for least squares with |w|_1, by a public quantizer of the soft threshold", () => {
    const [lambda, eta] = [0.1, 0.8];
    const smooth = leastSquares(7, 30, 10, 1, 2, 1);
    const total = (w: Vector): number => smooth.value(w) + lambda * w.reduce((sum, x) => sum + Math.abs(x), 0);
    const start = Array.from({ length: 10 }, (_, j) => (j % 2 === 0 ? -0.4 : 0.4));
    const best = total(minimiser(smooth, start, (x, step) => softThreshold(x, step * lambda)));
    const mu = accumulated(eta, 10_000);
    const muAt = (t: number): number => evaluateSchedule(mu, (t - 1) / 10_000);
    // A table of the caller's P at mu = 1 serves every mu. The soft threshold at lambda mu is mu P(x / mu).
    const P = proximals.fromFunction((x) => softThreshold(x, lambda), { from: -16, to: 16, samples: 16_001 });
    const { forward } = pairOf(compose({ proximal: P, transform: "identity" }), 0);
    const proximal = (w: Vector, t: number): Vector => {
      const mu = muAt(t);
      return w.map((x) => mu * forward(x / mu));
    };
    for (const x of [-3, -0.1, -0.04, 0, 0.0999, 0.1, 0.35, 2]) {
      expect(forward(x)).toBeCloseTo(softThreshold(x, lambda), 12);
    }
    const { averages } = dualAveraging(start, proximal, smooth.gradient, () => eta);
    const gaps = averages.map((w) => total(w) - best);
    expectCourse(gaps, [4e-2, 5e-3, 5e-4, 5e-5]);
    for (const index of [1, 2, 3]) expect((gaps[index - 1] ?? 0) / (gaps[index] ?? 1)).toBeGreaterThan(7);
  });

  it("closes the gap to the optimum in the box with P = hardtanh, below the bound, and ends on the box's faces", () => {
    const smooth = leastSquares(1, 40, 20, 3.8, 6, 12);
    const P = (x: number): number => forwardValue("hardTanh", x, []);
    const start = Array.from({ length: 20 }, () => 0);
    const optimum = minimiser(smooth, start, P);
    const [R, G] = [2 * Math.sqrt(20), smooth.steepest];
    const { averages, last } = dualAveraging(
      start,
      (w) => w.map(P),
      smooth.gradient,
      (t) => R / (2 * G * Math.sqrt(t)),
    );
    const gaps = averages.map((w) => smooth.value(w) - smooth.value(optimum));
    expectCourse(gaps, [1.6, 0.39, 0.092, 0.026]);
    gaps.forEach((gap, index) => {
      const t = moments[index] ?? 1;
      expect(gap).toBeLessThan((G * R * (2 + 1.5 * Math.log(t))) / Math.sqrt(t));
    });
    const active = optimum.flatMap((x, index) => (Math.abs(x) === 1 ? [index] : []));
    expect(active.length).toBeGreaterThan(5);
    for (const index of active) expect(last[index]).toBe(optimum[index]);
  });

  it("promises nothing for BinaryConnect: with P = sign the last iterate is a corner, away from the optimum in the box", () => {
    const smooth = leastSquares(1, 40, 20, 3.8, 6, 12);
    const start = Array.from({ length: 20 }, () => 0.1);
    const optimum = minimiser(smooth, start, (x) => forwardValue("hardTanh", x, []));
    const [R, G] = [2 * Math.sqrt(20), smooth.steepest];
    const sign = (w: Vector): Vector => w.map((x) => forwardValue("sign", x, []));
    const { last } = dualAveraging(start, sign, smooth.gradient, (t) => R / (2 * G * Math.sqrt(t)));
    expect(smooth.value(last) - smooth.value(optimum)).toBeGreaterThan(0.1);
    expect(last.every((w) => Math.abs(w) === 1)).toBe(true);
  });
});
