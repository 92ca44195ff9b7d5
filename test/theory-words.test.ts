/** A proximal map in a few words, of maps whose shape is known: the shortest words that say it. */
import { describe, expect, it } from "vitest";
import { wordsForP } from "../ts/theory/words.ts";

/** P through corners: between them 50 samples on a straight line, and at a leap two at one place. */
function sampled(...corners: readonly (readonly [x: number, y: number])[]) {
  const points = corners.slice(1).flatMap(([x, y], index) => {
    const [x0, y0] = corners[index] ?? [0, 0];
    if (x0 === x) return [[x, y] as const];
    return Array.from({ length: 50 }, (_, step) => {
      const share = (step + 1) / 50;
      return [x0 + share * (x - x0), y0 + share * (y - y0)] as const;
    });
  });
  const all = [...corners.slice(0, 1), ...points];
  return { x: all.map(([x]) => x), value: all.map(([, y]) => y) };
}

const steps = (count: number): readonly (readonly [number, number])[] =>
  Array.from({ length: count }, (_, level) => [[level, level] as const, [level + 1, level] as const]).flat();

describe("P in words", () => {
  it.each([
    ["identity", sampled([-3, -3], [3, 3])],
    ["sign", sampled([-3, -1], [0, -1], [0, 1], [3, 1])],
    ["levels -1, 1", sampled([-3, -1], [0.5, -1], [0.5, 1], [3, 1])],
    ["levels -1, 0, 1", sampled([-3, -1], [-1, -1], [-1, 0], [1, 0], [1, 1], [3, 1])],
    ["9 levels", sampled(...steps(9))],
    ["clip to [-1, 1]", sampled([-3, -1], [-1, -1], [1, 1], [3, 1])],
    ["(-3, -3) (-1, -1) | (-1, 0) (3, 0)", sampled([-3, -3], [-1, -1], [-1, 0], [3, 0])],
    ["(-3, -1) (-0.5, -1) (0.5, 1) (3, 1)", sampled([-3, -1], [-0.5, -1], [0.5, 1], [3, 1])],
    [
      "5 straight pieces from -3 to 4, 1 leap",
      sampled([-3, -3], [-2, -3], [-1.25, -1.5], [-0.125, -1.25], [-0.125, 1.25], [1.125, 1.5], [3, 4]),
    ],
    [
      "4 straight pieces from -1.75 to 4.25, 2 leaps",
      sampled([-3, -1.75], [-1.125, -1.5], [-1.125, 0], [0.125, 0.25], [0.125, 1.25], [1.125, 1.5], [3.125, 4.25]),
    ],
  ])("%s", (words, P) => expect(wordsForP(P)).toBe(words));

  it("is a curve where it has too many corners", () => {
    const x = Array.from({ length: 2001 }, (_, index) => index / 1000 - 1);
    expect(wordsForP({ x, value: x.map((at) => at ** 3) })).toBe("a curve from -1 to 1");
  });
});
