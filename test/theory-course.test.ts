/** A quantizer over a run: its schedule at moments, and the largest |F - sign| outside a margin against formulas. */
import { describe, expect, it } from "vitest";
import { compose, proximals, quantizer, transforms } from "../ts/quantizers/index.ts";
import { courseOf, gapAt, margins } from "../ts/theory/course.ts";
import { coursePanels, courseText } from "../ts/theory/course-words.ts";

const wide = [-3, 3] as const;
const courseOfText = (text: string, from = -3, to = 3) => {
  const course = courseOf(quantizer(text), from, to);
  if (course === null) throw new Error(`${text} has no course`);
  return course;
};

/** SignSwish from its definition. */
const swish = (x: number, beta: number): number => {
  const s = 1 / (1 + Math.exp(-beta * x));
  return 2 * s * (1 + beta * x * (1 - s)) - 1;
};

describe("the gap to the sign", () => {
  it("is that of the definition where F rises to the sign, whichever side is nearer", () => {
    const poly = quantizer("poly+");
    for (const margin of [0.1, 0.25, 0.5]) {
      // 1 - (2 m - m^2) is (1 - m)^2.
      expect(gapAt(poly, 0, margin, wide)).toBeCloseTo((1 - margin) ** 2, 12);
      expect(gapAt(poly, 0, margin, [-3, 0])).toBeCloseTo((1 - margin) ** 2, 12);
    }
    expect(gapAt(poly, 0, 1, wide)).toBe(0);
    expect(gapAt(quantizer("ede+:t=2"), 0, 0.5, wide)).toBeCloseTo(1 - Math.tanh(1), 12);
  });

  it("finds the summit of SignSwish between samples, behind which F is beyond the sign", () => {
    const bnn = quantizer("bnn++:beta=5");
    // The peak 1.19968 stands at beta |x| = 2.39936.
    expect(gapAt(bnn, 0, 0.4, wide)).toBeCloseTo(0.19968, 5);
    expect(gapAt(bnn, 0, 0.1, wide)).toBeCloseTo(1 - swish(0.1, 5), 10);
    expect(gapAt(bnn, 0, 1, wide)).toBeCloseTo(swish(1, 5) - 1, 10);
    expect(gapAt(bnn, 0, 0.4, [-3, 0])).toBeCloseTo(0.19968, 5);
  });

  it("counts the edge of the domain where F is unbounded, and is none where the domain ends before the margin", () => {
    expect(gapAt(quantizer("rpc"), 0, 0.1, [-3, 5])).toBe(4);
    expect(gapAt(quantizer("rpc"), 0, 0.1, [-7, 5])).toBe(6);
    expect(gapAt(quantizer("rpc"), 0, 0.5, [-0.2, 0.2])).toBeNull();
  });

  it("reads the map at its moment, and a composed pair from its table", () => {
    const bnn = quantizer("bnn++:beta=logLinear(1,4)");
    expect(gapAt(bnn, 0.5, 0.1, wide)).toBeCloseTo(1 - swish(0.1, 2), 10);
    const tanh = compose({ name: "tanh", proximal: proximals.clip(), transform: transforms.tanh() });
    expect(gapAt(tanh, 0, 0.5, wide)).toBeCloseTo(1 - Math.tanh(0.5), 3);
  });
});

describe("a course", () => {
  it("has the moments of a run, and both sides of the one at which F hardens", () => {
    const { parameters, hardFrom, rows } = courseOfText("bnn++");
    expect({ parameters, hardFrom }).toEqual({ parameters: ["beta"], hardFrom: 0.3 });
    expect(rows.map(({ progress, before, hard }) => [progress, before, hard])).toEqual([
      ...[[0, false, false]],
      ...[[0.25, false, false]],
      ...[[0.3, true, false]],
      ...[[0.3, false, true]],
      ...[[0.5, false, true]],
      ...[[0.75, false, true]],
      ...[[1, false, true]],
    ]);
    for (const { progress, values } of rows) expect(values[0]).toBeCloseTo(5 ** progress, 8);
    const last = rows.find(({ before }) => before);
    expect(last?.gaps[0]).toBeCloseTo(Math.abs(1 - swish(0.1, 5 ** 0.3)), 8);
    expect(rows.at(-1)?.gaps).toEqual([0, 0, 0]);
  });

  it("takes the limit from the left where a parameter leaps as F hardens", () => {
    const { rows } = courseOfText("bnn++:beta=sequence(0.5,logLinear(1,5),2),hardenAt=0.5");
    const [before, at] = rows.filter(({ progress }) => progress === 0.5);
    expect([before?.hard, at?.hard, at?.values]).toEqual([false, true, [2]]);
    expect(before?.values[0]).toBeCloseTo(5, 8);
    expect(before?.gaps[0]).toBeCloseTo(1 - swish(0.1, 5), 8);
  });

  it("is that of a sine within [-1, 1], of a map without parameters, and none of levels", () => {
    expect(courseOfText("biper")).toMatchObject({ domain: [-1, 1], parameters: ["omega"] });
    expect(courseOfText("biper").rows[0]?.gaps).toEqual([0.9, 0.5, 0]);
    expect(courseOfText("bnn")).toMatchObject({ hardFrom: 0, parameters: [] });
    expect(courseOf(quantizer("dorefa-weights-4"), -3, 3)).toBeNull();
    expect(courseOf(quantizer("fp"), -3, 3)).toBeNull();
  });

  it("ends at the bound of clipped latent weights, which pq has moved to their signs as it hardens", () => {
    const course = courseOfText("pq");
    expect(course).toMatchObject({ domain: [-1, 1], clip: 1 });
    // ProxQuant's map takes lambda off the distance to the sign, which is 1 - margin at most.
    expect(course.rows[0]?.gaps).toEqual([0.9, 0.5, 0].map((gap) => expect.closeTo(gap, 5)));
    expect(course.rows.find(({ before }) => before)?.gaps).toEqual([0, 0, 0].map((gap) => expect.closeTo(gap, 8)));
    expect(courseText(course).replace(/\s+/g, " ")).toContain(
      "0 where |x| >= 1 (on [-1, 1], as latent weights are clipped at 1)",
    );
    const free = courseOfText("pq:clipLatent=0");
    expect(free).toMatchObject({ domain: [-3, 3] });
    expect(free).not.toHaveProperty("clip");
    expect(free.rows.find(({ before }) => before)?.gaps[0]).toBeCloseTo(1, 8);
    expect(courseOfText("pc:clipLatent=1.5")).toMatchObject({ domain: [-1.5, 1.5], clip: 1.5 });
    expect(courseOfText("pq", 2, 3).domain).toEqual([1, 1]);
    expect(courseOfText("pq", -0.2, 0.2).domain).toEqual([-0.2, 0.2]);
  });

  it("leaves alone what has no bound, or reads no latent weights", () => {
    expect(courseOfText("rpc")).toMatchObject({ domain: [-3, 3] });
    expect(courseOfText("pc")).not.toHaveProperty("clip");
    // By filter weights are standardised, and the bound is on those before.
    const filtered = courseOf({ ...quantizer("pc"), standardize: "filter", clipLatent: 1 }, -3, 3);
    expect(filtered).toMatchObject({ domain: [-3, 3] });
    expect(filtered).not.toHaveProperty("clip");
    expect(coursePanels(quantizer("pq"), courseOfText("pq"), -3, 3).at(-1)?.range.y[1]).toBeLessThan(1);
  });

  it("tells soft maps that never harden what the sign in their place would move", () => {
    const course = courseOfText("poly+:hardenAt=1");
    expect(course).toMatchObject({ hardFrom: 1 });
    expect(course.rows.map(({ hard }) => hard)).toEqual([false, false, false, false, false]);
    expect(courseText(course)).toContain("F never hardens by itself; the sign in its place moves values by up to 0.81");
  });
});

describe("its words and panels", () => {
  it("are one sentence where nothing moves, and a table without gaps where F is the sign throughout", () => {
    expect(courseText(courseOfText("bnn+"))).toBe(
      "Over a run: F is the sign throughout, so that hardening changes nothing. beta stays 5.",
    );
    const ede = courseText(courseOfText("ede"));
    expect(ede).toMatch(/^progress +t +F$/m);
    expect(ede).toMatch(/^0\.5 +0\.1 +sign$/m);
    expect(courseText(courseOfText("bnn++", -0.2, 0.2))).toMatch(/^0 +1 +soft +0\.9 +- +-$/m);
    expect(courseText(courseOfText("bnn++"))).toMatch(/^before 0\.3 +1\.62 +soft +0\.839 +0\.27 +0\.2$/m);
  });

  it("draw each parameter and the gap of two margins, which ends where F hardens", () => {
    const titles = (text: string, to = 3) => {
      const course = courseOfText(text, -to, to);
      return coursePanels(quantizer(text), course, -to, to).map(({ title, lines }) => [title, lines.length]);
    };
    expect(titles("pc")).toEqual([
      ["rho, varrho (dashed), over a run", 2],
      [`sup |F - sign|, |x| >= ${margins[0]}, ${margins[1]} (dashed)`, 2],
    ]);
    expect(titles("bnn++:beta=5", 0.2)).toEqual([["sup |F - sign|, |x| >= 0.1", 1]]);
    expect(titles("ede")).toEqual([["t, over a run", 1]]);
    expect(titles("bnn")).toEqual([]);
    const course = courseOfText("poly+:hardenAt=0.5");
    const [gap] = coursePanels(quantizer("poly+:hardenAt=0.5"), course, -3, 3);
    const points = gap?.lines[0]?.points ?? [];
    expect(points.filter(([progress, value]) => progress >= 0.5 && value !== 0)).toEqual([]);
    expect(points.filter(([progress]) => progress < 0.5).every(([, value]) => Math.abs(value - 0.81) < 1e-9)).toBe(
      true,
    );
  });
});
