/** Functions made of + - * / alone, so that their bits are the same in every engine, beside those of this one. */

import { describe, expect, it } from "vitest";
import { exactCosPi, exactExp, exactLog, exactPower } from "../ts/quantizers/elementary.ts";
import fc from "./fast-check.ts";

const progress = fc.double({ min: 0, max: 1, noNaN: true });

describe("elementary functions of basic operations alone", () => {
  it("agree with the engine's library to 1e-15", () => {
    fc.assert(
      fc.property(fc.double({ min: -700, max: 700, noNaN: true }), progress, (x, p) => {
        expect(Math.abs(exactExp(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
        expect(Math.abs(exactLog(Math.exp(x)) - Math.log(Math.exp(x)))).toBeLessThan(1e-15 * Math.max(1, Math.abs(x)));
        expect(Math.abs(exactCosPi(p) - Math.cos(Math.PI * p))).toBeLessThan(1e-15);
      }),
    );
  });

  it("agree with the engine on whole powers, as far as the roundings of the squarings go", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1000 }), (base, power) => {
        expect(Math.abs(exactPower(base, power) / base ** power - 1)).toBeLessThan((power + 1) * 2 ** -52);
      }),
    );
    expect([exactPower(0.9, 0), exactPower(0.9, 1), exactPower(3, 5), exactPower(2, 53)]).toEqual([
      1,
      0.9,
      243,
      2 ** 53,
    ]);
  });

  it("meet their exact values and limits", () => {
    expect([exactExp(0), exactLog(1), exactCosPi(0), exactCosPi(0.5), exactCosPi(1)]).toEqual([1, 0, 1, 0, -1]);
    expect([exactExp(800), exactExp(-800), exactExp(Number.NaN)]).toEqual([Number.POSITIVE_INFINITY, 0, Number.NaN]);
    expect([exactLog(0), exactLog(-1), exactLog(Number.POSITIVE_INFINITY)]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
    expect(exactExp(-745) / Number.MIN_VALUE).toBe(1);
    expect(exactLog(Number.MIN_VALUE)).toBeCloseTo(-744.4400719213812, 10);
  });
});
