import { describe, expect, it } from "vitest";
import {
  type BackwardMap,
  backwardMapNumbers,
  backwardMapParameters,
  backwardMaps,
  backwardValue,
  type ForwardMap,
  forwardMapNumbers,
  forwardMapParameters,
  forwardMaps,
  forwardValue,
  isHardForwardMap,
  type MapTable,
  type ParameterName,
  proximalMaps,
  quantizedValue,
  slopeValue,
} from "../ts/quantizers/index.ts";
import { encodeTable } from "../ts/quantizers/maps.ts";
import fc from "./fast-check.ts";

const reals = fc.double({ min: -6, max: 6, noNaN: true });
/** Evenly spread, whereas most of `reals` are close to 0. */
const spread = fc.integer({ min: -70_000, max: 70_000 }).map((i) => i / 10_000);
const sharpness = fc.double({ min: 0.1, max: 50, noNaN: true });

const table: MapTable = { from: -1, to: 2, forward: [-1, -0.25, 3, 0.5, 0.5], backward: [0, 0.75, 1, -2, 0] };

/** Some parameter of every name, inside its domain. */
const someParameters: Readonly<Record<ParameterName, fc.Arbitrary<number>>> = {
  rho: fc.double({ min: 0, max: 2, noNaN: true }),
  varrho: fc.double({ min: 0, max: 1, noNaN: true }),
  beta: sharpness,
  t: sharpness,
  lambda: fc.double({ min: 0, max: 2, noNaN: true }),
  levels: fc.integer({ min: 1, max: 255 }),
  o: fc.double({ min: 1, max: 20, noNaN: true }),
  n: fc.double({ min: 0, max: 30, noNaN: true }),
  width: fc.double({ min: 0, max: 3, noNaN: true }),
  alpha: fc.double({ min: 1e-5, max: 3, noNaN: true }),
  offset: fc.double({ min: -2, max: 2, noNaN: true }),
};
const parametersOf = (names: readonly ParameterName[]): fc.Arbitrary<number[]> =>
  fc.tuple(...names.map((name) => someParameters[name]));

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
    ["tanh", "tanhPrime"],
    ["relu", "reluPrime"],
    ["relu6", "relu6Prime"],
    ["sigmoid", "sigmoidPrime"],
    ["gelu", "geluPrime"],
  ];
  /** The places without a derivative of a forward map. */
  const kinks: Readonly<Partial<Record<ForwardMap, readonly number[]>>> = {
    hardTanh: [-1, 1],
    relu: [0],
    relu6: [0, 6],
  };
  it.each(pairs)("%s and %s", (forward, backward) => {
    fc.assert(
      fc.property(spread, sharpness, (x, parameter) => {
        for (const kink of kinks[forward] ?? []) fc.pre(Math.abs(x - kink) > 1e-4);
        const h = 1e-5 / Math.max(1, parameter);
        const p = [parameter];
        const slope = (forwardValue(forward, x + h, p) - forwardValue(forward, x - h, p)) / (2 * h);
        expect(Math.abs(backwardValue(backward, x, p) - slope)).toBeLessThan(1e-4 * Math.max(1, parameter));
      }),
    );
  });
});

describe("backward maps are the derivatives of what their papers approximate the sign by", () => {
  const slopeOf = (f: (x: number) => number, x: number): number => (f(x + 1e-6) - f(x - 1e-6)) / 2e-6;

  it("restePrime: of the o-th root between 0.1 and 1.5, its secant below, nothing beyond", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.101, max: 1.499, noNaN: true }), someParameters.o, (x, o) => {
        expect(backwardValue("restePrime", x, [o])).toBeCloseTo(
          slopeOf((at) => at ** (1 / o), x),
          6,
        );
        expect(backwardValue("restePrime", -x, [o])).toBe(backwardValue("restePrime", x, [o]));
        expect(backwardValue("restePrime", x / 15, [o]) * 0.1).toBeCloseTo(0.1 ** (1 / o), 12);
        expect(backwardValue("restePrime", x + 1.5, [o])).toBe(0);
      }),
    );
  });

  it("fdaPrime: of the sine series of a square wave with n + 1 terms, on [-1, 1]", () => {
    const series = (x: number, n: number): number => {
      let sum = 0;
      for (let i = 0; i <= n; i += 1) sum += (4 / Math.PI) * (Math.sin((2 * i + 1) * 0.1 * x) / (2 * i + 1));
      return sum;
    };
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: 0, max: 30 }), (x, n) => {
        expect(backwardValue("fdaPrime", x, [n])).toBeCloseTo(
          slopeOf((at) => series(at, n), x),
          6,
        );
        expect(backwardValue("fdaPrime", x, [n + 0.75])).toBe(backwardValue("fdaPrime", x, [n]));
        expect(backwardValue("fdaPrime", x + 2.001, [n])).toBe(0);
      }),
    );
  });

  it("rbnnPrime: a tent of height k sqrt 2 t whose sides reach the ground at sqrt 2 / t", () => {
    fc.assert(
      fc.property(sharpness, (t) => {
        const top = Math.max(1 / t, 1) * Math.SQRT2 * t;
        expect(backwardValue("rbnnPrime", 0, [t])).toBeCloseTo(top, 9);
        expect(backwardValue("rbnnPrime", Math.SQRT1_2 / t, [t])).toBeCloseTo(top / 2, 9);
        expect(backwardValue("rbnnPrime", -1.5 / t, [t])).toBe(0);
      }),
    );
  });
});

describe("maps behind a proximal map", () => {
  const anyMaps = fc
    .record({ proximal: fc.constantFrom(...proximalMaps), forward: fc.constantFrom(...forwardMaps) })
    .chain((maps) => {
      const names = [...forwardMapParameters[maps.proximal], ...forwardMapParameters[maps.forward]];
      return parametersOf(names).map((parameters) => ({ ...maps, backward: "one" as const, parameters, table }));
    });

  it("read P(x) with the parameters that follow P's, but for the sign, which reads x", () => {
    fc.assert(
      fc.property(anyMaps, reals, (maps, x) => {
        const own = maps.parameters.slice(0, forwardMapParameters[maps.proximal].length);
        const at = maps.forward === "sign" ? x : forwardValue(maps.proximal, x, own);
        const shared = maps.parameters.slice(own.length);
        expect(quantizedValue(maps, x)).toBe(forwardValue(maps.forward, at, shared, table));
      }),
    );
  });

  it("make iterates that are those of PC on the loss behind T, to 1e-12", () => {
    const transforms = [
      ["tanh", "tanhPrime"],
      ["signSwish", "signSwishPrime"],
      ["ede", "edePrime"],
    ] as const;
    fc.assert(
      fc.property(
        anyMaps,
        fc.constantFrom(...transforms),
        fc.double({ min: 0.5, max: 5, noNaN: true }),
        fc.double({ min: -2, max: 2, noNaN: true }),
        reals,
        ({ proximal, parameters }, [forward, backward], gain, target, start) => {
          const own = parameters.slice(0, forwardMapParameters[proximal].length);
          const maps = { proximal, forward, backward, parameters: [...own, gain], table: null };
          let [together, apart] = [start, start];
          for (let step = 0; step < 40; step += 1) {
            together -= 0.05 * slopeValue(maps, together) * (quantizedValue(maps, together) - target);
            const v = forwardValue(proximal, apart, own);
            apart -= 0.05 * backwardValue(backward, v, [gain]) * (forwardValue(forward, v, [gain]) - target);
            expect(Math.abs(together - apart)).toBeLessThanOrEqual(1e-12);
          }
        },
      ),
    );
  });

  it("have a B that is the derivative of F wherever P has slope 1", () => {
    const transforms = [
      ["tanh", "tanhPrime", 1],
      ["signSwish", "signSwishPrime", 1],
      ["ede", "edePrime", 1],
      ["poly", "polyPrime", 0],
    ] as const;
    const proximals = [
      ["identity", []],
      ["hardTanh", []],
      ["piecewiseLinear", [0, 0]],
      ["proxQuant", [0]],
      ["proxQuant", [0.5]],
    ] as const;
    const gain = fc.double({ min: 0.5, max: 5, noNaN: true });
    const cases = fc.tuple(fc.constantFrom(...proximals), fc.constantFrom(...transforms), gain, reals);
    let compared = 0;
    fc.assert(
      fc.property(cases, ([[proximal, own], [forward, backward, count], t, x]) => {
        const maps = { proximal, forward, backward, parameters: [...own, ...(count === 1 ? [t] : [])], table: null };
        const h = 1e-6;
        const rise = (f: (at: number) => number): number => (f(x + h) - f(x - h)) / (2 * h);
        const steepness = rise((at) => forwardValue(proximal, at, own));
        if (Math.abs(steepness - 1) > 1e-6) return;
        compared += 1;
        expect(Math.abs(slopeValue(maps, x) - rise((at) => quantizedValue(maps, at)))).toBeLessThan(1e-4);
      }),
      { numRuns: 500 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it("have a P that falls nowhere", () => {
    expect(forwardMaps.filter((map) => !proximalMaps.includes(map))).toEqual([
      ...["signSwish", "gelu", "elasticSign", "elasticUnit", "table"],
    ]);
    const proximal = fc
      .constantFrom(...proximalMaps)
      .chain((map) => fc.tuple(fc.constant(map), parametersOf(forwardMapParameters[map])));
    fc.assert(
      fc.property(proximal, reals, reals, ([map, p], v, w) => {
        const [low, high] = v < w ? [v, w] : [w, v];
        expect(forwardValue(map, high, p) - forwardValue(map, low, p)).toBeGreaterThanOrEqual(-1e-14);
      }),
    );
  });
});

describe("ProxQuant's map", () => {
  it("moves x towards the nearer of -1 and 1 by lambda, and no further", () => {
    fc.assert(
      fc.property(reals, someParameters.lambda, (x, lambda) => {
        const nearest = x >= 0 ? 1 : -1;
        const away = x - nearest;
        const expected = nearest + Math.sign(away) * Math.max(0, Math.abs(away) - lambda);
        expect(forwardValue("proxQuant", x, [lambda])).toBeCloseTo(expected, 12);
      }),
    );
  });

  it("minimises lambda ||z| - 1| + (z - x)^2 / 2", () => {
    fc.assert(
      fc.property(reals, someParameters.lambda, reals, (x, lambda, other) => {
        const cost = (z: number): number => lambda * Math.abs(Math.abs(z) - 1) + (z - x) ** 2 / 2;
        expect(cost(forwardValue("proxQuant", x, [lambda]))).toBeLessThanOrEqual(cost(other) + 1e-12);
      }),
    );
  });
});

describe("levels", () => {
  it("are as many as said, equally far apart, each its own image, and the nearest", () => {
    fc.assert(
      fc.property(reals, someParameters.levels, (x, levels) => {
        for (const [map, low, step] of [
          ["unitLevels", 0, 1 / levels],
          ["symmetricLevels", -1, 2 / levels],
        ] as const) {
          const y = forwardValue(map, x, [levels]);
          const level = (y - low) / step;
          expect(Math.abs(level - Math.round(level))).toBeLessThan(1e-9);
          expect(forwardValue(map, y, [levels])).toBeCloseTo(y, 12);
          const clipped = Math.max(low, Math.min(1, x));
          expect(Math.abs(y - clipped)).toBeLessThanOrEqual(step / 2 + 1e-6);
        }
      }),
    );
  });

  it("take a half to the even level", () => {
    expect([0.25, 0.75].map((x) => forwardValue("unitLevels", x, [2]))).toEqual([0, 1]);
    expect(forwardValue("unitLevels", 0.5, [1])).toBe(0);
    expect([-0.5, 0, 0.5].map((x) => forwardValue("symmetricLevels", x, [2]))).toEqual([-1, 0, 1]);
    expect(forwardValue("symmetricLevels", 0, [1])).toBe(-1);
  });
});

describe("a table", () => {
  it("is met at its samples, linear between them and constant outside", () => {
    const at = (x: number): number => forwardValue("table", x, [], table);
    expect([-1, -0.25, 0.5, 1.25, 2].map(at)).toEqual(table.forward);
    expect([-9, Number.NEGATIVE_INFINITY, 9, Number.POSITIVE_INFINITY].map(at)).toEqual([-1, -1, 0.5, 0.5]);
    expect(at(0.125)).toBeCloseTo(1.375, 12);
    expect(backwardValue("table", 0.875, [], table)).toBeCloseTo(-0.5, 12);
  });

  it("goes to the core as its count, where it begins, samples per unit, and both maps", () => {
    const expected = [5, -1, 4 / 3, 0, ...table.forward, ...table.backward].map(Math.fround);
    expect([...encodeTable(table)]).toEqual(expected);
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
    expect(forwardMaps.filter(isHardForwardMap)).toEqual(["sign"]);
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

/** Maps that go on to infinity with x, on one side or on both. */
const unbounded: readonly ForwardMap[] = ["identity", "proxQuant", "relu", "gelu"];

it("every map passes NaN on, and stays finite far out unless it follows x", () => {
  for (const map of forwardMaps) {
    const p = forwardMapParameters[map].map(() => 1);
    expect(forwardValue(map, Number.NaN, p, table), map).toBeNaN();
    if (unbounded.includes(map)) continue;
    for (const x of [1e30, -1e30, Number.POSITIVE_INFINITY, 5e-324, -5e-324]) {
      expect(Math.abs(forwardValue(map, x, p, table)), map).toBeLessThanOrEqual(6);
    }
  }
  for (const map of backwardMaps) {
    const p = backwardMapParameters[map].map(() => 1);
    expect(backwardValue(map, Number.NaN, p, table), map).toBeNaN();
    for (const x of [1e30, -1e30, Number.POSITIVE_INFINITY, 5e-324, -5e-324]) {
      expect(Math.abs(backwardValue(map, x, p, table)), map).toBeLessThanOrEqual(2);
    }
  }
});

it("no two maps share a number", () => {
  for (const numbers of [forwardMapNumbers, backwardMapNumbers]) {
    expect(new Set(Object.values(numbers)).size).toBe(Object.keys(numbers).length);
  }
});
