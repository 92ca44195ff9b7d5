/** The decomposition theorem: the table of the literature as computed, and the demands on P and T. */

import { describe, expect, it } from "vitest";
import {
  type Decomposes,
  type Decomposition,
  decompose,
  type FunctionPair,
  type NamedPair,
  pairOf,
  quantizers,
} from "../ts/quantizers/index.ts";
import fc from "./fast-check.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const clip = (x: number): number => Math.max(-1, Math.min(1, x));
const sign = (x: number): number => (x >= 0 ? 1 : -1);
const box = (x: number): number => (Math.abs(x) <= 1 ? 1 : 0);
const pair = (name: string, forward: (x: number) => number, backward: (x: number) => number): FunctionPair => ({
  name,
  forward,
  backward,
});
const fp = pair(
  "fp",
  (x) => x,
  () => 1,
);
const hardTanh = pair("hardtanh", clip, box);
/** tanh after L with a step of half width 0.5 and a jump of half height 0.25. */
const L = (x: number): number => (Math.abs(x) >= 0.5 ? sign(x) : sign(x) * (0.25 + 1.5 * Math.abs(x)));
const tanhOfL = pair(
  "tanh-l",
  (x) => Math.tanh(L(x)),
  (x) => 1 - Math.tanh(L(x)) ** 2,
);

function yes(result: Decomposition): Decomposes {
  if (!result.decomposes) throw new Error(`${result.name} should decompose: ${result.reason}`);
  return result;
}

function reasonOf(result: Decomposition): string {
  if (result.decomposes) throw new Error(`${result.name} should not decompose`);
  return result.reason;
}

/** The value at `at` on the straight lines through (xs, values), from the left where xs holds it twice. */
function interpolate(xs: readonly number[], values: readonly number[], at: number): number {
  const next = xs.findIndex((x) => x >= at);
  if (next <= 0) return values[Math.max(0, next)] ?? Number.NaN;
  const [a, b] = [xs[next - 1] ?? 0, xs[next] ?? 0];
  const share = b === a ? 1 : (at - a) / (b - a);
  return (values[next - 1] ?? 0) * (1 - share) + (values[next] ?? 0) * share;
}

/** T and P give back F and B, P never falls, and T' is T's slope, gaps included. */
function expectDecomposition({ P, T }: Decomposes, forward: (x: number) => number, backward: (x: number) => number) {
  for (let index = 1; index < P.x.length; index += 1) {
    expect(P.x[index]).toBeGreaterThanOrEqual(P.x[index - 1] ?? 0);
    expect(P.value[index]).toBeGreaterThanOrEqual(P.value[index - 1] ?? 0);
  }
  const largestSlope = Math.max(...T.slope.map(Math.abs));
  for (let index = 0; index < P.x.length; index += 7) {
    const [x, p] = [P.x[index] ?? 0, P.value[index] ?? 0];
    const near = [x - 2e-9, x, x + 2e-9];
    // At a jump the sample belongs to either side.
    const distance = (map: (x: number) => number, value: number): number =>
      Math.min(...near.map((at) => Math.abs(map(at) - value)));
    expect(distance(forward, interpolate(T.v, T.value, p))).toBeLessThan(1e-6);
    expect(distance(backward, interpolate(T.v, T.slope, p))).toBeLessThan(1e-6 * largestSlope);
  }
  for (let index = 1; index < T.v.length; index += 1) {
    const width = (T.v[index] ?? 0) - (T.v[index - 1] ?? 0);
    const rise = (T.value[index] ?? 0) - (T.value[index - 1] ?? 0);
    const [a, b] = [T.slope[index - 1] ?? 0, T.slope[index] ?? 0];
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    // The mean slope lies between those at the ends but for the curvature of one cell, and for rounding.
    const slack = 0.02 * largestSlope + 1e-11 / width;
    expect(rise / width).toBeGreaterThan(low - slack);
    expect(rise / width).toBeLessThan(high + slack);
  }
}

describe("decompose", () => {
  const table: readonly (readonly [NamedPair, boolean])[] = [
    [fp, true],
    ["bc", true],
    ["pc", true],
    [hardTanh, true],
    ["bnn", true],
    ["bnn+", false],
    ["bnn++", true],
    ["poly", false],
    ["poly+", true],
    ["ede", false],
    ["ede+", true],
    [tanhOfL, true],
  ];

  it("gives the table of the literature", () => {
    for (const [given, expected] of table) {
      const result = decompose(given);
      expect([result.name, result.decomposes]).toEqual([result.name, expected]);
    }
  });

  it("gives it for maps that are computed in f32 as well, where it is told of their rounding", () => {
    for (const [given, expected] of table) {
      const { name, forward, backward } = pairOf(given, 0.25);
      const single = pair(
        name,
        (x) => Math.fround(forward(x)),
        (x) => Math.fround(backward(x)),
      );
      const result = decompose(single, { precision: 2 ** -23 });
      expect([result.name, result.decomposes, "reason" in result && expected ? result.reason : ""]).toEqual([
        name,
        expected,
        "",
      ]);
    }
  });

  it("finds P: the identity, sign, L, the clip", () => {
    const expected: readonly (readonly [NamedPair, (x: number) => number])[] = [
      [fp, (x) => x],
      ["bc", sign],
      [quantizers.pc({ rho: 0.5, varrho: 0.25 }), L],
      ["bnn++", (x) => x],
      ["poly+", clip],
      ["ede+", (x) => x],
    ];
    for (const [given, P] of expected) {
      const found = yes(decompose(given)).P;
      for (const x of [-2.9, -1.3, -0.7, -0.2, -0.01, 0.01, 0.2, 0.7, 1.3, 2.9]) {
        expect(Math.abs(interpolate(found.x, found.value, x) - P(x)), `P(${x})`).toBeLessThan(2e-3);
      }
    }
  });

  it("gives BNN the four levels -2, -1, 1, 2 and a T that is 1 at 1 and 2 with slopes 1 and 0", () => {
    const { P, T } = yes(decompose("bnn"));
    const levels = [...new Set(P.value.map((value) => Math.round(value * 1e9) / 1e9))];
    expect(levels).toEqual([-2, -1, 1, 2]);
    expect(T.gaps).toEqual([
      [-2, -1],
      [-1, 1],
      [1, 2],
    ]);
    expect([1, 2].map((v) => [T.value[T.v.indexOf(v)], T.slope[T.v.indexOf(v)]])).toEqual([
      [1, 1],
      [1, 0],
    ]);
  });

  it("lets P leap as far as F does for B = 1, by the larger B of the two sides", () => {
    const steeper = pair(
      "steeper",
      (x) => (x < 0 ? x : 2 * x + 1),
      (x) => (x < 0 ? 1 : 2),
    );
    const result = decompose(steeper);
    if (!result.decomposes) throw new Error(result.reason);
    const { x, value } = result.P;
    const behind = x.findIndex((at, index) => index > 0 && at - (x[index - 1] ?? 0) < 1e-9);
    expect((value[behind] ?? 0) - (value[behind - 1] ?? 0)).toBeCloseTo(1 / 2, 9);
  });

  it("lets P leap at +-1 for hardtanh and its box: a P that rests there would share B = 1 and B = 0", () => {
    const { T } = yes(decompose(hardTanh));
    expect(T.gaps.map((gap) => gap.map((v) => Math.round(v * 1e6) / 1e6))).toEqual([
      [-2, -1],
      [1, 2],
    ]);
  });

  it("names two points that share F but not B for BNN+", () => {
    const result = decompose("bnn+");
    expect(reasonOf(result)).toMatch(/^x = 0 and x = 0\.68\d* share F = 1 but not B, which is 5 and -0\.369/);
    if (result.decomposes) throw new Error("unreachable");
    const [a, b] = result.points;
    expect(a.forward).toBe(b.forward);
    expect(Math.abs(a.backward - b.backward)).toBeGreaterThan(1);
  });

  it("returns a P that never falls and a T that gives back F and B, with T' its slope", () => {
    for (const given of [fp, hardTanh, tanhOfL, pair("sine", Math.sin, Math.cos)]) {
      expectDecomposition(yes(decompose(given)), given.forward, given.backward);
    }
    const levels = (x: number): number => Math.round(Math.max(0, Math.min(1, x)) * 3) / 3;
    const unitBox = (x: number): number => (x >= 0 && x <= 1 ? 1 : 0);
    expectDecomposition(yes(decompose(pair("dorefa", levels, unitBox))), levels, unitBox);
  });

  it("finds P and T of any staircase with slopes in between, after any smooth T", () => {
    const knots = fc.array(
      fc.record({
        at: fc.double({ min: -2, max: 2, noNaN: true }),
        leap: fc.double({ min: 0.05, max: 1, noNaN: true }),
      }),
      { maxLength: 4 },
    );
    const number = fc.double({ min: 0.2, max: 2, noNaN: true });
    fc.assert(
      fc.property(knots, number, number, fc.boolean(), (leaps, slope, frequency, clipped) => {
        const sorted = [...leaps].sort((a, b) => a.at - b.at);
        fc.pre(sorted.every(({ at }, index) => index === 0 || at - (sorted[index - 1]?.at ?? 0) > 0.02));
        const P = (x: number): number =>
          slope * (clipped ? clip(x) : x) + sorted.reduce((sum, { at, leap }) => sum + (x >= at ? leap : 0), 0);
        const forward = (x: number): number => Math.sin(frequency * P(x) + 0.3);
        const backward = (x: number): number => frequency * Math.cos(frequency * P(x) + 0.3);
        expectDecomposition(yes(decompose(pair("random", forward, backward))), forward, backward);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["F that rests while B changes", (x: number) => sign(x), (x: number) => Math.exp(-x * x), "share F = 1 but not B"],
    ["F that moves where B is 0", (x: number) => x, box, "while B is 0"],
    ["F that falls where B is positive", (x: number) => -x, () => 1, "P would fall"],
    ["an integral without end", (x: number) => x, (x: number) => Math.abs(x - 0.3), "has no end at x = 0.3"],
  ])("says why not: %s", (_, forward, backward, reason) => {
    expect(reasonOf(decompose(pair("x", forward, backward)))).toContain(reason);
  });

  it("takes a zero of B for what it is where the integral ends: F = x, B = sqrt|x - 0.3|", () => {
    const { P } = yes(
      decompose(
        pair(
          "root",
          (x) => x,
          (x) => Math.sqrt(Math.abs(x - 0.3)),
        ),
      ),
    );
    const integral = (x: number): number => 2 * Math.sign(x - 0.3) * Math.sqrt(Math.abs(x - 0.3));
    const shift = interpolate(P.x, P.value, 1) - integral(1);
    for (const x of [-2, 0, 0.2, 0.4, 2.5]) {
      expect(interpolate(P.x, P.value, x) - shift).toBeCloseTo(integral(x), 2);
    }
  });

  it("looks at the moment it is asked for: from hardenAt on BNN++ is BNN+'s pair", () => {
    expect(decompose("bnn++", { progress: 0.29 }).decomposes).toBe(true);
    expect(reasonOf(decompose("bnn++", { progress: 0.3 }))).toContain("share F = 1");
    for (const progress of [0, 0.1, 0.2, 0.29]) {
      for (const name of ["pc", "bnn++", "ede+", "poly+"]) yes(decompose(name, { progress }));
      expect(decompose("ede", { progress }).decomposes, `ede at ${progress}`).toBe(false);
    }
  });

  it("looks at BiPer behind its sine: it decomposes while it is the sine itself, and not once it is hard", () => {
    const result = yes(decompose("biper", { progress: 0.3 }));
    expectDecomposition(
      result,
      (x) => Math.sin(20 * x),
      (x) => 20 * Math.cos(20 * x),
    );
    expect(reasonOf(decompose("biper", { progress: 0.9 }))).toContain("but not B");
  });

  it("takes ReCU's box as wide as tau says for normally distributed weights", () => {
    const width = 2 * Math.SQRT2 * Math.sqrt(2 / Math.PI) * -Math.log(0.6);
    const { P, T } = yes(decompose(quantizers.recu({ tau: 0.7 }), { from: -4, to: 4 }));
    const leap = P.x.find((x, index) => x > 0.1 && x - (P.x[index - 1] ?? x) < 1e-9);
    expect(leap).toBeCloseTo(width, 6);
    expect(T.gaps.length).toBe(3);
  });

  it("refuses what is no pair, no moment, no domain, and maps that are not finite", () => {
    expect(thrownBy(() => decompose("bnn+++")).code).toBe("unknown-name");
    for (const none of [null, undefined, 3, {}, []]) {
      expect(thrownBy(() => decompose(none as never)).code).toBe("argument");
    }
    expect(thrownBy(() => decompose("bnn", { progress: 1.5 }))).toMatchObject({
      code: "argument",
      message: expect.stringContaining("decompose: progress must be"),
    });
    expect(thrownBy(() => decompose("bnn", { from: 1, to: 0 })).message).toContain("to must be above from, which is 1");
    expect(
      thrownBy(() =>
        decompose(
          pair(
            "inverse",
            (x) => 1 / x,
            () => 1,
          ),
        ),
      ).message,
    ).toContain("at x = 0");
    expect(thrownBy(() => decompose({ name: "half", forward: Math.abs } as FunctionPair)).message).toContain(
      "backward",
    );
  });
});
