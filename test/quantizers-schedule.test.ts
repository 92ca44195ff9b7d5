import { describe, expect, it } from "vitest";
import {
  accumulated,
  checkSchedule,
  constant,
  cosine,
  evaluateSchedule,
  geometric,
  inverseSlope,
  linear,
  logistic,
  logLinear,
  parqRho,
  quarterCosine,
  type Schedule,
  scheduleRange,
  sequence,
  staircase,
  step,
  warmup,
  window,
} from "../ts/quantizers/index.ts";
import fc from "./fast-check.ts";
import { thrownBy } from "./nn-arbitrary.ts";

const progress = fc.double({ min: 0, max: 1, noNaN: true });
const values = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const share = fc.double({ min: 0, max: 0.99, noNaN: true });
const stepPoints = fc.array(progress, { maxLength: 6 }).map((at) => at.sort((a, b) => a - b));
const simple: fc.Arbitrary<Schedule> = fc.oneof(
  values.map(constant),
  fc.tuple(values, values).map(([from, to]) => linear(from, to)),
  fc.tuple(positive, positive).map(([from, to]) => logLinear(from, to)),
  fc.tuple(values, values, share).map(([from, to, warmup]) => cosine(from, to, warmup)),
  fc
    .tuple(values, fc.double({ min: 0.01, max: 5, noNaN: true }), stepPoints)
    .map(([value, factor, at]) => step(value, factor, at)),
  fc.tuple(values, values).map(([from, to]) => quarterCosine(from, to)),
  fc.tuple(values, values).map(([from, to]) => staircase(from, to)),
  fc
    .tuple(values, values, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 300 }))
    .map(([from, to, factor, steps]) => geometric(from, to, factor, steps)),
  fc
    .tuple(values, values, fc.double({ min: 1e-3, max: 300, noNaN: true }), progress)
    .map(([from, to, steepness, center]) => logistic(from, to, steepness, center)),
);
const schedules: fc.Arbitrary<Schedule> = fc.oneof(
  simple,
  fc.tuple(simple, share, values).map(([of, first, from]) => warmup(first, of, from)),
  fc
    .tuple(simple, progress, progress)
    .filter(([, a, b]) => a !== b)
    .map(([of, a, b]) => window(Math.min(a, b), Math.max(a, b), of)),
  fc
    .tuple(positive, positive, fc.integer({ min: 1, max: 50 }), positive)
    .map(([from, to, steps, initial]) => accumulated(linear(from, to), steps, { initial, scale: 0.5 })),
  fc
    .tuple(fc.uniqueArray(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { maxLength: 3 }), fc.array(simple))
    .filter(([at, parts]) => parts.length > at.length)
    .map(([at, parts]) =>
      sequence(
        at.toSorted((a, b) => a - b),
        parts.slice(0, at.length + 1),
      ),
    ),
);

describe("evaluateSchedule", () => {
  it("never leaves the schedule's range", () => {
    fc.assert(
      fc.property(schedules, progress, (schedule, at) => {
        const [minimum, maximum] = scheduleRange(schedule);
        const value = evaluateSchedule(schedule, at);
        expect(value).toBeGreaterThanOrEqual(minimum);
        expect(value).toBeLessThanOrEqual(maximum);
      }),
    );
  });

  it("meets both ends of a line, a line in the logarithm and a half cosine exactly", () => {
    fc.assert(
      fc.property(positive, positive, (from, to) => {
        for (const schedule of [linear(from, to), logLinear(from, to), cosine(from, to)]) {
          expect(evaluateSchedule(schedule, 0), schedule.kind).toBe(from);
          expect(evaluateSchedule(schedule, 1), schedule.kind).toBe(to);
        }
      }),
    );
  });

  it("gives each part of a sequence its whole course, and the moment between two to the second", () => {
    const restarted = sequence([0.25, 0.5], [linear(0, 1), cosine(2, 0), 7]);
    const values = [0, 0.125, 0.25, 0.375, 0.5, 0.75, 1].map((at) => evaluateSchedule(restarted, at));
    expect(values).toEqual([0, 0.5, 2, 1, 7, 7, 7]);
    expect(scheduleRange(restarted)).toEqual([0, 7]);
    expect(evaluateSchedule(sequence([], [linear(3, 5)]), 0.5)).toBe(4);
  });

  it("follows the formulas in between", () => {
    fc.assert(
      fc.property(positive, positive, share, progress, (from, to, warmup, at) => {
        const scale = Math.max(from, to);
        expect(evaluateSchedule(linear(from, to), at) / scale).toBeCloseTo((from * (1 - at) + to * at) / scale, 12);
        expect(evaluateSchedule(logLinear(from, to), at) / (from * (to / from) ** at)).toBeCloseTo(1, 12);
        const q = (at - warmup) / (1 - warmup);
        const expected = at < warmup ? (from * at) / warmup : to + ((from - to) * (1 + Math.cos(Math.PI * q))) / 2;
        expect(evaluateSchedule(cosine(from, to, warmup), at) / scale).toBeCloseTo(expected / scale, 12);
      }),
    );
  });

  it("is PARQ's inverse slope, 1 before t1 and 0 after t2, by the formula of its paper in between", () => {
    fc.assert(
      fc.property(progress, progress, fc.double({ min: 0.1, max: 50, noNaN: true }), progress, (a, b, s, at) => {
        const [t1, t2] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(t2 - t1 > 1e-6);
        const f = (at - t1) / (t2 - t1);
        const st = 1 / (1 + Math.exp(s * (f - 0.5)));
        const [s1, s2] = [1 / (1 + Math.exp(-s / 2)), 1 / (1 + Math.exp(s / 2))];
        const slope = at <= t1 ? 1 : at >= t2 ? 0 : (st - s2) / (s1 - s2);
        const options = { start: t1, end: t2, steepness: s };
        expect(evaluateSchedule(inverseSlope(options), at)).toBeCloseTo(slope, 12);
        expect(evaluateSchedule(parqRho(options), at)).toBeCloseTo(1 - slope, 12);
      }),
    );
    expect([0, 0.2, 0.8, 1].map((at) => evaluateSchedule(inverseSlope({ start: 0.2, end: 0.8 }), at))).toEqual([
      1, 1, 0, 0,
    ]);
  });

  it("follows ReSTE's o and FDA's number of terms", () => {
    fc.assert(
      fc.property(progress, (at) => {
        const o = 1 + (1 - Math.cos((Math.PI * at) / 2)) * (3 - 1);
        expect(evaluateSchedule(quarterCosine(1, 3), at)).toBeCloseTo(o, 12);
        expect(evaluateSchedule(staircase(9, 18), at)).toBe(at === 1 ? 18 : Math.floor(9 + 9 * at));
      }),
    );
    // Every epoch of a run of 9 adds a term, however e / E is rounded.
    expect(Array.from({ length: 10 }, (_, e) => evaluateSchedule(staircase(9, 18), e / 9))).toEqual([
      9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
    ]);
  });

  it("accumulates 1 plus the learning rates of the steps before: mu_t of ProxConnect", () => {
    const rate = cosine(0.1, 0, 0.1);
    const mu = accumulated(rate, 200);
    let sum = 1;
    for (let t = 0; t <= 200; t += 1) {
      expect(evaluateSchedule(mu, t / 200)).toBeCloseTo(sum, 12);
      sum += evaluateSchedule(rate, t / 200);
    }
    expect(evaluateSchedule(accumulated(0.1, 10, { initial: 0, scale: 2 }), 1)).toBeCloseTo(2, 12);
  });

  it("accumulates for each schedule by itself, however alike they are and however many", () => {
    const usual = { rate: linear(0.1, 0.3), steps: 4, initial: 1, scale: 1 };
    const one = { ...usual, initial: 0 };
    // Each differs from the first in one respect; more of them than sums are remembered for.
    const alike = [usual, one, { ...one, initial: 5 }, { ...usual, scale: 2 }, { ...usual, steps: 5 }]
      .concat([0.4, 0.5, 0.6, 0.7, 0.8].map((to) => ({ ...usual, rate: linear(0.1, to) })))
      .concat([2, 3].map((initial) => ({ ...usual, initial })));
    for (const { rate, steps, initial, scale } of [...alike, ...alike.toReversed()]) {
      let sum = initial;
      const outer = [
        warmup(0.5, accumulated(rate, steps, { initial, scale })),
        window(0.5, 1, accumulated(rate, steps, { initial, scale })),
      ];
      for (let t = 0; t <= steps; t += 1) {
        expect(evaluateSchedule(accumulated(rate, steps, { initial, scale }), t / steps)).toBeCloseTo(scale * sum, 12);
        for (const held of outer) expect(evaluateSchedule(held, 0.5 + t / steps / 2)).toBeCloseTo(scale * sum, 12);
        sum += evaluateSchedule(rate, t / steps);
      }
    }
  });

  it("bounds what it accumulates by the largest rate, without summing up: ten thousand copies are checked at once", () => {
    const mu = accumulated(cosine(0.1, 0, 0.1), 100_000, { initial: 2, scale: 0.5 });
    expect(scheduleRange(mu)).toEqual([1, 0.5 * (2 + 100_000 * 0.1)]);
    expect(evaluateSchedule(mu, 1)).toBeLessThan(scheduleRange(mu)[1]);
    const subject = { code: "graph", what: "layer" } as const;
    const began = performance.now();
    const copies = Array.from({ length: 10_000 }, () => checkSchedule(structuredClone(mu), "lambda", subject));
    // Summed up for each copy this is a billion rates: minutes.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(new Set(copies.map((copy) => evaluateSchedule(copy, 0.7)))).toEqual(new Set([evaluateSchedule(mu, 0.7)]));
    expect(thrownBy(() => accumulated(0.1, 100_001)).message).toContain(
      "steps must be a whole number from 1 to 100000",
    );
  });

  it("warms up any schedule, and cosine's own warm-up is the same course", () => {
    fc.assert(
      fc.property(
        positive,
        positive,
        fc.double({ min: 1e-3, max: 0.99, noNaN: true }),
        progress,
        (from, to, first, at) => {
          const value = evaluateSchedule(warmup(first, cosine(from, to)), at);
          expect(Math.abs(value - evaluateSchedule(cosine(from, to, first), at))).toBeLessThan(1e-12 * (from + to));
        },
      ),
    );
    expect(evaluateSchedule(warmup(0.5, step(4, 0.5, [0.5]), 2), 0.25)).toBe(3);
  });

  it("keeps a schedule to a window of the run", () => {
    const course = window(0.25, 0.75, linear(1, 5));
    expect([0, 0.25, 0.5, 0.75, 1].map((at) => evaluateSchedule(course, at))).toEqual([1, 1, 3, 5, 5]);
  });

  it("multiplies by the factor at each point of a step schedule, the point itself included", () => {
    const schedule = step(0.1, 0.5, [0.4, 0.6, 0.75]);
    expect([0, 0.39, 0.4, 0.6, 0.74, 0.75, 1].map((at) => evaluateSchedule(schedule, at))).toEqual([
      0.1, 0.1, 0.05, 0.025, 0.025, 0.0125, 0.0125,
    ]);
  });

  it("refuses a progress outside [0, 1]", () => {
    for (const at of [-0.01, 1.01, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = thrownBy(() => evaluateSchedule(constant(1), at));
      expect(error.code).toBe("argument");
      expect(error.message).toContain(`not ${at}`);
    }
  });
});

describe("checkSchedule", () => {
  const subject = { code: "graph", what: 'layer "a"' } as const;

  it("gives back any schedule that has been through JSON", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const copy = checkSchedule(structuredClone(schedule), "beta", subject);
        expect(copy).toEqual(schedule);
        expect(Object.isFrozen(copy)).toBe(true);
      }),
    );
  });

  it.each([
    ["no object", 3, "must be a plain object, not 3"],
    ["an unknown kind", { kind: "liner", from: 0, to: 1 }, 'kind is "liner"'],
    ["a key of another kind", { kind: "constant", value: 1, from: 2 }, 'has no option "from"'],
    ["a missing number", { kind: "linear", from: 1 }, "to must be a number"],
    ["an end at 0", { kind: "logLinear", from: 0, to: 1 }, "from must be a number from 1e-18"],
    ["a warm-up of the whole run", { kind: "cosine", from: 1, to: 0, warmup: 1 }, "warmup must be below 1"],
    ["points out of order", { kind: "step", value: 1, factor: 0.1, at: [0.5, 0.2] }, "at must be a list in ascending"],
    ["a factor that explodes", { kind: "step", value: 1, factor: 1e9, at: [0, 0, 0] }, "its last value"],
    [
      "an end before the start",
      { kind: "window", start: 0.6, end: 0.4, of: constant(1) },
      "end must be after its start, which is 0.6, not 0.4",
    ],
    ["an end at the start", { kind: "window", start: 0.5, end: 0.5, of: constant(1) }, "not 0.5"],
    [
      "a negative rate to sum up",
      { kind: "accumulated", of: constant(-1), steps: 3, initial: 1, scale: 1 },
      "the smallest value of its rate must be a number from 0 to 1e+18, not -1",
    ],
    [
      "half a step",
      { kind: "accumulated", of: constant(1), steps: 1.5, initial: 1, scale: 1 },
      "steps must be a whole",
    ],
    ["a logistic without slope", { kind: "logistic", from: 0, to: 1, steepness: 0, center: 0.5 }, "steepness must be"],
    ["a warm-up of all of it", { kind: "warmup", share: 1, from: 0, of: constant(1) }, "share must be below 1"],
    ["a fault inside", { kind: "warmup", share: 0, from: 0, of: { kind: "linear", from: 0 } }, "beta of: to must be"],
    [
      "schedules nested without end",
      { kind: "window", start: 0, end: 1, of: window(0, 1, window(0, 1, window(0, 1, 1))) },
      "of must be nested at most 3 deep",
    ],
    ["a part too few", { kind: "sequence", at: [0.5], parts: [constant(1)] }, "parts must be a list of 2"],
    [
      "a moment twice",
      { kind: "sequence", at: [0.5, 0.5], parts: [] },
      "at must be moments between 0 and 1, none twice",
    ],
    ["a moment at the end", { kind: "sequence", at: [1], parts: [] }, "at must be moments between 0 and 1"],
    ["NaN", { kind: "constant", value: Number.NaN }, "value must be a number from -1e+18 to 1e+18, not NaN"],
  ])("refuses %s with the subject's code and name", (_, value, message) => {
    const error = thrownBy(() => checkSchedule(value, "beta", subject));
    expect(error.code).toBe("graph");
    expect(error.message).toContain('layer "a": beta');
    expect(error.message).toContain(message);
  });

  it("suggests the nearest kind", () => {
    const error = thrownBy(() => checkSchedule({ kind: "loglinear" }, "beta", subject));
    expect(error.remedy).toContain('Did you mean "logLinear"?');
  });
});
