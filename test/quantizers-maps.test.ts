import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BackwardMap,
  backwardValue,
  type ForwardMap,
  forwardValue,
  isHardForwardMap,
} from "../ts/quantizers/index.ts";

const reals = fc.double({ min: -6, max: 6, noNaN: true });
const sharpness = fc.double({ min: 0.1, max: 50, noNaN: true });

/** L by the general definition (neighbours q_k < q_{k+1}, their midpoint, four knots), for Q = {-1, +1}. */
function generalL(w: number, rho: number, varrho: number): number {
  const [low, high, middle] = [-1, 1, 0];
  const leftKnot = Math.min(middle, low + rho);
  const rightKnot = Math.max(middle, high - rho);
  const below = Math.max(low, middle - varrho);
  const above = Math.min(high, middle + varrho);
  if (w <= leftKnot && w < middle) return low;
  if (w < middle) return low + ((w - leftKnot) / (middle - leftKnot)) * (below - low);
  if (w < rightKnot) return above + ((w - middle) / (rightKnot - middle)) * (high - above);
  return high;
}

describe("backward maps are the derivatives of the forward maps they are paired with", () => {
  const pairs: readonly [ForwardMap, BackwardMap][] = [
    ["identity", "one"],
    ["hardTanh", "box"],
    ["signSwish", "signSwishPrime"],
    ["poly", "polyPrime"],
    ["ede", "edePrime"],
  ];
  it.each(pairs)("%s and %s", (forward, backward) => {
    fc.assert(
      fc.property(reals, sharpness, (x, parameter) => {
        // hardTanh has a kink at +-1, where it has no derivative.
        fc.pre(forward !== "hardTanh" || Math.abs(Math.abs(x) - 1) > 1e-4);
        const h = 1e-5 / Math.max(1, parameter);
        const p = [parameter];
        const slope = (forwardValue(forward, x + h, p) - forwardValue(forward, x - h, p)) / (2 * h);
        expect(Math.abs(backwardValue(backward, x, p) - slope)).toBeLessThan(1e-4 * Math.max(1, parameter));
      }),
    );
  });
});

describe("sign", () => {
  it("takes both zeros to +1 and passes NaN on", () => {
    expect(forwardValue("sign", 0, [])).toBe(1);
    expect(forwardValue("sign", -0, [])).toBe(1);
    expect(forwardValue("sign", -Number.MIN_VALUE, [])).toBe(-1);
    expect(forwardValue("sign", Number.NaN, [])).toBeNaN();
  });

  it("is the one map that is hard by itself", () => {
    const maps: ForwardMap[] = ["identity", "sign", "piecewiseLinear", "hardTanh", "signSwish", "poly", "ede"];
    expect(maps.filter(isHardForwardMap)).toEqual(["sign"]);
  });
});

describe("L, the piecewise-linear proximal quantizer", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });

  it("agrees with the general definition by neighbours and knots", () => {
    fc.assert(
      fc.property(reals, fc.double({ min: 0, max: 0.99, noNaN: true }), unit, (w, rho, varrho) => {
        expect(forwardValue("piecewiseLinear", w, [rho, varrho])).toBeCloseTo(generalL(w, rho, varrho), 10);
      }),
    );
  });

  it("is non-decreasing, as a proximal map must be", () => {
    fc.assert(
      fc.property(reals, reals, fc.double({ min: 0, max: 2, noNaN: true }), unit, (v, w, rho, varrho) => {
        const [low, high] = v < w ? [v, w] : [w, v];
        const p = [rho, varrho];
        const rise = forwardValue("piecewiseLinear", high, p) - forwardValue("piecewiseLinear", low, p);
        expect(rise).toBeGreaterThanOrEqual(-1e-15);
      }),
    );
  });

  it("is a clip to [-1, 1] for (0, 0)", () => {
    fc.assert(
      fc.property(reals, (w) => {
        expect(forwardValue("piecewiseLinear", w, [0, 0])).toBeCloseTo(Math.max(-1, Math.min(1, w)), 15);
      }),
    );
  });

  it("is sign for rho >= 1", () => {
    fc.assert(
      fc.property(reals, fc.double({ min: 1, max: 5, noNaN: true }), unit, (w, rho, varrho) => {
        expect(forwardValue("piecewiseLinear", w, [rho, varrho])).toBe(forwardValue("sign", w, []));
      }),
    );
  });

  it("is ProxQuant's map followed by a clip for equal parameters", () => {
    fc.assert(
      fc.property(reals, fc.double({ min: 0, max: 0.99, noNaN: true }), (w, strength) => {
        const nearest = w >= 0 ? 1 : -1;
        const away = w - nearest;
        const shrunk = Math.sign(away) * Math.max(0, Math.abs(away) - strength);
        const proxQuant = Math.max(-1, Math.min(1, nearest + shrunk));
        expect(forwardValue("piecewiseLinear", w, [strength, strength])).toBeCloseTo(proxQuant, 10);
      }),
    );
  });

  it("is PARQ's map with inverse slope 1 - rho for varrho = 0", () => {
    fc.assert(
      fc.property(reals, fc.double({ min: 0, max: 0.99, noNaN: true }), (w, rho) => {
        const parq = Math.max(-1, Math.min(1, w / (1 - rho)));
        expect(forwardValue("piecewiseLinear", w, [rho, 0])).toBeCloseTo(parq, 10);
      }),
    );
  });
});

describe("SignSwish", () => {
  it("is odd, overshoots to 1.19968 at |beta x| = 2.39936 and tends to +-1", () => {
    fc.assert(
      fc.property(sharpness, reals, (beta, x) => {
        expect(forwardValue("signSwish", -x, [beta])).toBeCloseTo(-forwardValue("signSwish", x, [beta]), 12);
        expect(Math.abs(forwardValue("signSwish", x, [beta]))).toBeLessThan(1.199_685);
        expect(forwardValue("signSwish", 2.399_36 / beta, [beta])).toBeCloseTo(1.199_68, 5);
        expect(forwardValue("signSwish", 1e6, [beta])).toBe(1);
      }),
    );
  });

  it("has slope beta at 0 and a slope of no less than -0.0738 beta", () => {
    fc.assert(
      fc.property(sharpness, reals, (beta, x) => {
        expect(backwardValue("signSwishPrime", 0, [beta])).toBeCloseTo(beta, 12);
        expect(backwardValue("signSwishPrime", x, [beta])).toBeGreaterThan(-0.0739 * beta);
      }),
    );
    const lowest = Math.min(...Array.from({ length: 6001 }, (_, i) => backwardValue("signSwishPrime", i / 1000, [1])));
    expect(lowest).toBeCloseTo(-0.0738, 4);
  });

  it("stays finite where cosh would overflow", () => {
    for (const x of [1e3, -1e3, 1e300, Number.POSITIVE_INFINITY]) {
      expect(backwardValue("signSwishPrime", x, [50])).toBeCloseTo(0, 12);
      expect(forwardValue("signSwish", x, [50])).toBeCloseTo(Math.sign(x), 12);
    }
  });
});

describe("the decomposition theorem, F = T(P) and B = T'(P)", () => {
  it("makes PC++ with Poly+ the very iteration of PC on the loss behind T", () => {
    fc.assert(
      fc.property(reals, fc.double({ min: -2, max: 2, noNaN: true }), (start, target) => {
        // l(w) = (w - target)^2 / 2; T is poly on [-1, 1], P the clip.
        let direct = start;
        let proximal = start;
        for (let iteration = 0; iteration < 50; iteration += 1) {
          direct -= 0.1 * backwardValue("polyPrime", direct, []) * (forwardValue("poly", direct, []) - target);
          const v = Math.max(-1, Math.min(1, proximal));
          const image = v < 0 ? v * v + 2 * v : 2 * v - v * v;
          proximal -= 0.1 * (2 - 2 * Math.abs(v)) * (image - target);
          expect(Math.abs(direct - proximal)).toBeLessThan(1e-12);
        }
      }),
    );
  });
});

it("every map passes NaN on", () => {
  const forwards: ForwardMap[] = ["identity", "sign", "piecewiseLinear", "hardTanh", "signSwish", "poly", "ede"];
  const backwards: BackwardMap[] = ["one", "box", "polyPrime", "signSwishPrime", "edePrime"];
  for (const map of forwards) expect(forwardValue(map, Number.NaN, [0.5, 0.5]), map).toBeNaN();
  for (const map of backwards) expect(backwardValue(map, Number.NaN, [0.5, 0.5]), map).toBeNaN();
});
