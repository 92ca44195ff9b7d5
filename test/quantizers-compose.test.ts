/** Quantizers by composition: the pairs of the literature out of their parts, functions of the caller's, and bad ones. */

import { describe, expect, it } from "vitest";
import {
  type ComposeOptions,
  compose,
  compositionCost,
  constant,
  decompose,
  logLinear,
  pairOf,
  proximals,
  quantizer,
  quantizers,
  transforms,
} from "../ts/quantizers/index.ts";
import { encodeTable } from "../ts/quantizers/maps.ts";
import fc from "./fast-check.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const reals = fc.double({ min: -5, max: 5, noNaN: true });
const clip = (x: number): number => Math.max(-1, Math.min(1, x));
const sine = transforms.fromFunction(Math.sin, Math.cos);
const cubic = proximals.fromFunction((x) => x ** 3 / 4, { from: -2, to: 2 });
const steps = proximals.fromFunction((x) => Math.floor(2 * x) / 2 + x / 5);
const messageOf = (options: ComposeOptions): string => {
  const error = thrownBy(() => compose(options));
  expect(error.code).toBe("argument");
  expect(thrownBy(() => compositionCost(options)).message).toBe(error.message);
  return error.message;
};

describe("compose", () => {
  it("makes the pairs of the literature out of their parts", () => {
    const known: readonly (readonly [ComposeOptions, string])[] = [
      [{ proximal: "sign", transform: "identity" }, "bc"],
      [{ proximal: "piecewiseLinear", transform: "identity" }, "pc"],
      [{ proximal: "parq", transform: "identity" }, "pc"],
      [{ proximal: "identity", transform: "signSwish" }, "bnn++"],
      [{ proximal: "identity", transform: "ede" }, "ede+"],
    ];
    for (const [options, name] of known) expect(compose({ ...options, name })).toEqual(quantizer(name));
    const polyPlus = pairOf(compose({ proximal: "clip", transform: "poly" }), 0);
    const reference = pairOf("poly+", 0);
    fc.assert(
      fc.property(reals, (x) => {
        expect(polyPlus.forward(x)).toBe(reference.forward(x));
        expect(polyPlus.backward(x)).toBe(reference.backward(x));
      }),
    );
  });

  it("applies P first and then T, each with its own schedules, and T' at P(x)", () => {
    const value = compose({
      proximal: proximals.piecewiseLinear({ rho: 0.5, varrho: logLinear(0.1, 0.4) }),
      transform: transforms.tanh({ t: logLinear(1, 9) }),
      name: "tanh-l",
      hardenAt: 1,
    });
    expect(value.parameters).toEqual([constant(0.5), logLinear(0.1, 0.4), logLinear(1, 9)]);
    const { forward, backward } = pairOf(value, 0.5);
    fc.assert(
      fc.property(reals, (x) => {
        const magnitude = Math.abs(x) >= 0.5 ? 1 : 0.2 + (0.8 * Math.abs(x)) / 0.5;
        const v = x >= 0 ? magnitude : -magnitude;
        expect(forward(x)).toBeCloseTo(Math.tanh(3 * v), 12);
        expect(backward(x)).toBeCloseTo(3 * (1 - Math.tanh(3 * v) ** 2), 12);
      }),
    );
  });

  it("decomposes again, whatever the parts", () => {
    const names = ["identity", "sign", "hardTanh", "clip", "piecewiseLinear", "proxQuant", "parq"] as const;
    const behind = ["identity", "signSwish", "poly", "ede", "tanh"] as const;
    for (const proximal of names) {
      for (const transform of [...behind, sine]) {
        // Behind an unbounded P the sine has not x's sign everywhere.
        const result = decompose(compose({ proximal, transform, hardenAt: 1 }));
        const name = typeof transform === "string" ? transform : "sine";
        expect([proximal, name, result.decomposes, "reason" in result ? result.reason : ""]).toEqual([
          proximal,
          name,
          true,
          "",
        ]);
      }
    }
    for (const proximal of [cubic, steps]) {
      for (const transform of [transforms.identity(), transforms.signSwish({ beta: 2 }), transforms.poly(), sine]) {
        const result = decompose(compose({ proximal, transform, hardenAt: 1 }));
        expect("reason" in result ? result.reason : "").toBe("");
      }
    }
  });

  it("reads functions from a table within the error that it states, and says what the table costs", () => {
    const parts: readonly (readonly [ComposeOptions, (x: number) => number, (x: number) => number])[] = [
      [{ proximal: "hardTanh", transform: sine }, (x) => Math.sin(clip(x)), (x) => Math.cos(clip(x))],
      [
        { proximal: cubic, transform: sine },
        (x) => Math.sin(Math.max(-2, Math.min(2, x)) ** 3 / 4),
        (x) => Math.cos(Math.max(-2, Math.min(2, x)) ** 3 / 4),
      ],
      [{ proximal: cubic, transform: "identity" }, (x) => Math.max(-2, Math.min(2, x)) ** 3 / 4, () => 1],
    ];
    for (const [options, forward, backward] of parts) {
      const cost = compositionCost(options);
      if (cost === null) throw new Error("a function without a table");
      expect(cost).toMatchObject({ samples: 4097, bytes: 4 * (4 + 2 * 4097), jumps: 0 });
      expect(cost.forwardError).toBeLessThan(1e-5);
      const pair = pairOf(compose(options), 0);
      fc.assert(
        fc.property(fc.double({ min: -1.99, max: 1.99, noNaN: true }), (x) => {
          // The measurement takes seven places in a step. Between two of them a smooth function may be a little further
          // off.
          expect(Math.abs(pair.forward(x) - forward(x))).toBeLessThan(1.1 * cost.forwardError + 1e-15);
          expect(Math.abs(pair.backward(x) - backward(x))).toBeLessThan(1.1 * cost.backwardError + 1e-15);
        }),
      );
    }
    expect(compositionCost({ proximal: steps, transform: "identity" })?.jumps).toBe(16);
    expect(compositionCost({ proximal: "parq", transform: "tanh" })).toBeNull();
  });

  it("hardens after 0.3 of a run or where P has closed, is hard throughout where F is the sign, and leaves latents free", () => {
    expect(compose({ proximal: "clip", transform: "tanh" })).toMatchObject({ hardenAt: 0.3, clipLatent: 0 });
    for (const proximal of ["piecewiseLinear", "proxQuant", "parq"] as const) {
      for (const transform of ["identity", "tanh"] as const)
        expect(compose({ proximal, transform }).hardenAt).toBe(0.5);
    }
    expect(compose({ proximal: "sign", transform: "identity" }).hardenAt).toBe(1);
    expect(compose({ proximal: "clip", transform: "tanh", hardenAt: 0.5, clipLatent: 2 })).toMatchObject({
      hardenAt: 0.5,
      clipLatent: 2,
    });
  });

  it("survives JSON, tables included", () => {
    const value = compose({ proximal: "hardTanh", transform: sine });
    expect(quantizer(JSON.parse(JSON.stringify(value)))).toEqual(value);
  });

  const down = (x: number): number => (x > 0.5 && x < 0.6 ? -x : x);
  it.each<readonly [string, ComposeOptions, string]>([
    [
      "a P that falls",
      { proximal: proximals.fromFunction((x) => -x), transform: "identity" },
      "falls from 4 at -4 to 3.9",
    ],
    [
      "a P that falls somewhere",
      { proximal: proximals.fromFunction(down), transform: "identity" },
      "falls from 0.5 at 0.5 ",
    ],
    [
      "a T' that is not T's slope",
      { proximal: "clip", transform: transforms.fromFunction(Math.tanh, (x) => 1 / Math.cosh(x)) },
      "T' is 0.648",
    ],
    [
      "a T with a kink",
      { proximal: "clip", transform: transforms.fromFunction(Math.abs, Math.sign) },
      "where T rises by -1 a unit",
    ],
    [
      "a T that is not finite",
      {
        proximal: "clip",
        transform: transforms.fromFunction(
          (x) => 1 / x,
          (x) => -1 / x ** 2,
        ),
      },
      "T' gives -Infinity at 0",
    ],
    [
      "a T that changes behind a P of the caller's",
      { proximal: cubic, transform: "tanh" },
      "a parameter of T goes from 1 to 5 over the run",
    ],
    [
      "a T' that is not T's slope where P rests",
      { proximal: proximals.fromFunction(() => 1), transform: transforms.fromFunction(Math.sin, Math.sin) },
      "T' is 0.84",
    ],
    [
      "a T that P leaves",
      { proximal: "clip", transform: transforms.fromFunction(Math.sin, Math.cos, { from: -0.5 }) },
      "T is sampled from -0.5 to 4, and hardTanh takes values from -1 to 1",
    ],
  ])("refuses %s, and names the value", (_, options, message) => {
    expect(messageOf(options)).toContain(message);
  });

  it("refuses an F that is to harden to another sign than its own, and names x", () => {
    const shifted = proximals.fromFunction((x) => (x >= 0.5 ? 1 : -1));
    const falling = transforms.fromFunction(
      (x) => -Math.sin(x),
      (x) => -Math.cos(x),
    );
    const cases: readonly (readonly [ComposeOptions, string])[] = [
      [
        { proximal: shifted, transform: "identity" },
        "F is -1 at 0.001953125, and is to harden to the sign, which is 1",
      ],
      [{ proximal: "clip", transform: falling }, "at -1, and is to harden to the sign, which is -1 there"],
      [{ proximal: "identity", transform: sine }, "F is 0.7568"],
      [
        { proximal: proximals.fromFunction((x) => x, { from: 1, to: 4 }), transform: "identity" },
        "F is 1 at -1, and is to harden to the sign, which is -1 there",
      ],
    ];
    for (const [options, message] of cases) {
      const error = thrownBy(() => compose(options));
      expect(error.code).toBe("argument");
      expect(error.message).toContain(message);
      expect(compose({ ...options, hardenAt: 1 }).hardenAt).toBe(1);
    }
    const rests = proximals.fromFunction((x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.25));
    expect(compose({ proximal: rests, transform: "identity" }).hardenAt).toBe(0.3);
  });

  it("samples F and B at the same places, as many as its domain says, and the core is given them all", () => {
    for (const samples of [2, 3, 8, 100, 4097]) {
      const domain = { from: -2, to: 2, samples };
      const own = proximals.fromFunction((x) => x ** 3 / 4, domain);
      const behind = transforms.fromFunction(Math.exp, Math.exp, { from: -1, to: 1, samples: Math.max(samples, 8) });
      for (const parts of [
        { proximal: own, transform: transforms.tanh({ t: 2 }) },
        { proximal: "clip", transform: behind },
      ] as const) {
        const { table } = compose({ ...parts, hardenAt: 1 });
        if (table === null) throw new Error("a function without a table");
        const { from, to, forward, backward } = table;
        const count = parts.proximal === own ? samples : Math.max(samples, 8);
        const xs = Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
        const cube = (x: number): number => x ** 3 / 4;
        const F = parts.proximal === own ? (x: number) => Math.tanh(2 * cube(x)) : Math.exp;
        const B = parts.proximal === own ? (x: number) => 2 * (1 - Math.tanh(2 * cube(x)) ** 2) : Math.exp;
        expect([forward.length, backward.length]).toEqual([count, count]);
        for (const [i, x] of xs.entries()) {
          expect(forward[i]).toBeCloseTo(F(x), 12);
          expect(backward[i]).toBeCloseTo(B(x), 12);
        }
        const encoded = encodeTable(table);
        expect(encoded).toHaveLength(4 + 2 * count);
        expect(encoded.slice(4 + count)).toEqual(Float32Array.from(backward));
      }
    }
  });

  it("takes parts of another hand for what they are, checked as its own", () => {
    const P = { kind: "map", map: "piecewiseLinear", parameters: [0.5, constant(0.25)] } as const;
    const T = { kind: "map", forward: "tanh", backward: "tanhPrime", parameters: [2] } as const;
    expect(compose({ proximal: P, transform: T } as never)).toEqual(
      compose({
        proximal: proximals.piecewiseLinear({ rho: 0.5, varrho: 0.25 }),
        transform: transforms.tanh({ t: 2 }),
      }),
    );
    const refused = (proximal: unknown, transform: unknown): string => {
      const error = thrownBy(() => compose({ proximal, transform } as never));
      expect(error.code).toBe("argument");
      return error.message;
    };
    expect(refused({ kind: "function" }, "poly")).toContain("value must be a function of a number");
    expect(refused({ kind: "function", value: Math.tanh, domain: null }, "poly")).toContain("must be a plain object");
    expect(refused({ kind: "function", value: Math.tanh, slope: 1 }, "poly")).toContain('no option "slope"');
    expect(refused({ kind: "map", map: "signSwish", parameters: [5] }, "identity")).toContain('map is "signSwish"');
    expect(refused({ kind: "map", map: "piecewiseLinear", parameters: [0.5] }, "identity")).toContain(
      "parameters must",
    );
    expect(refused({ ...P, parameters: [0.5, 2] }, "identity")).toContain("varrho must be a number from 0 to 1, not 2");
    expect(refused("clip", { ...T, backward: "box" })).toContain('backward is "box"');
    expect(refused("clip", { ...T, forward: "sign" })).toContain('forward is "sign"');
    expect(refused("clip", { kind: "function", value: Math.sin })).toContain("derivative must be a function");
    expect(refused(null, "poly")).toContain("proximal must be a name or one of proximals");
    expect(refused("clip", undefined)).toContain("transform must be a name or one of transforms");
  });

  it("refuses parts that are none, and parameters outside their domain, by name and value", () => {
    const refused = (call: () => unknown): string => thrownBy(call).message;
    expect(refused(() => compose({ proximal: "clipp", transform: "poly" } as never))).toContain('proximal is "clipp"');
    expect(refused(() => compose({ proximal: "clip", transform: "polly" } as never))).toContain('transform is "polly"');
    expect(refused(() => compose({ proximal: {}, transform: "poly" } as never))).toContain("proximal");
    expect(refused(() => proximals.piecewiseLinear({ varrho: 2 }))).toContain(
      "varrho must be a number from 0 to 1, not 2",
    );
    expect(refused(() => transforms.signSwish({ beta: 0 }))).toContain("beta must be a number from 0.000001");
    expect(refused(() => proximals.parq({ start: 0.5, end: 0.2 }))).toContain(
      "end must be after its start, which is 0.5, not 0.2",
    );
    expect(refused(() => proximals.fromFunction((x) => x, { from: 1, to: 0 }))).toContain(
      "to must be above from, which is 1",
    );
    expect(refused(() => proximals.fromFunction(3 as never))).toContain("value must be a function of a number, not 3");
    expect(refused(() => proximals.fromFunction((x) => x, { samples: 1 }))).toContain("samples must be a whole number");
  });

  it("is what quantizers' makers make, for PARQ", () => {
    expect(
      compose({ proximal: proximals.parq({ end: 0.8 }), transform: "identity", name: "parq", hardenAt: 0.8 }),
    ).toEqual(quantizers.parq({ end: 0.8 }));
  });
});
