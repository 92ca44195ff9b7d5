/** The pictures of a pair. Lines stop at jumps, are dashed exactly where T is free, and lie within their panel. */
import { describe, expect, it } from "vitest";
import { type Decomposition, decompose, type SampledT } from "../ts/quantizers/index.ts";
import type { Line, Panel } from "../ts/show/panel.ts";
import { panelsOf } from "../ts/theory/panels.ts";

const PROGRESS = 0.5;

function drawn(name: string): { readonly result: Decomposition; readonly panels: ReadonlyMap<string, Panel> } {
  const result = decompose(name, { progress: PROGRESS, from: -3, to: 3 });
  const panels = panelsOf(name, result, PROGRESS, -3, 3);
  return { result, panels: new Map(panels.map((panel) => [panel.title.split(",")[0] ?? "", panel])) };
}

const linesOf = (panels: ReadonlyMap<string, Panel>, name: string): readonly Line[] => panels.get(name)?.lines ?? [];
const ends = ({ points }: Line): readonly number[] => [points[0]?.[0] ?? Number.NaN, points.at(-1)?.[0] ?? Number.NaN];

/** T of a pair that decomposes, which has at least one gap. */
function transformOf(result: Decomposition): SampledT {
  if (!result.decomposes || result.T.gaps.length === 0) throw new Error(`${result.name} has no gap`);
  return result.T;
}

describe.each(["bnn", "bc", "pq", "dorefa-activations"])("the panels of %s", (name) => {
  const { result, panels } = drawn(name);
  const { v, gaps } = transformOf(result);

  it.each(["T(v)", "T'(v)"])("show %s as one line, dashed over each gap and nowhere else", (title) => {
    const lines = linesOf(panels, title);
    const dashed = lines.filter((line) => line.dashed);
    expect(dashed).toHaveLength(gaps.length);
    for (const [index, [from, to]] of gaps.entries()) {
      const [first = Number.NaN, last = Number.NaN] = ends(dashed[index] as Line);
      expect(first).toBeLessThanOrEqual(from);
      expect(last).toBeGreaterThanOrEqual(to);
    }
    for (const { points } of lines.filter((line) => !line.dashed)) {
      expect(points.filter(([at]) => gaps.some(([from, to]) => at > from && at < to))).toEqual([]);
    }
    // Each line goes on where the one before it ended, from the first v to the last.
    const places = lines.filter(({ points }) => points.length > 0).map(ends);
    expect(places[0]?.[0]).toBe(v[0]);
    expect(places.at(-1)?.[1]).toBe(v.at(-1));
    expect(places.slice(1).map(([start]) => start)).toEqual(places.slice(0, -1).map(([, end]) => end));
  });
});

describe("lines", () => {
  it("end at a jump of F and begin anew behind it", () => {
    const lines = linesOf(drawn("bnn").panels, "F(x)");
    for (const { points, dashed } of lines) {
      expect(points.every(([, y]) => y === points[0]?.[1])).toBe(true);
      expect(dashed).toBe(false);
    }
    expect(new Set(lines.map(({ points }) => points[0]?.[1]))).toEqual(new Set([-1, 1]));
  });

  it.each(["bnn", "bnn++", "poly"])("of %s lie within the ranges of their panels, and reach across", (name) => {
    for (const { lines, range } of drawn(name).panels.values()) {
      const points = lines.flatMap((line) => line.points);
      const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
      expect([Math.min(...xs), Math.max(...xs)]).toEqual([...range.x]);
      expect(Math.min(...ys)).toBeGreaterThan(range.y[0]);
      expect(Math.max(...ys)).toBeLessThan(range.y[1]);
    }
  });
});

it("the two points that say why not lie on both maps", () => {
  const { result, panels } = drawn("bnn+");
  if (result.decomposes) throw new Error("bnn+ has become a pair of theory's");
  const [a, b] = result.points;
  expect([...panels.keys()]).toEqual(["F(x)", "B(x)"]);
  expect(panels.get("F(x)")?.marks).toEqual([a, b].map(({ x, forward }) => [x, forward]));
  expect(panels.get("B(x)")?.marks).toEqual([a, b].map(({ x, backward }) => [x, backward]));
});
