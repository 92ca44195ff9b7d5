/** Metrics beside fractions counted by hand, and the confusion matrix with its picture. */
import { describe, expect, test } from "vitest";
import { formatConfusion } from "../ts/show/confusion.ts";
import { confusionMatrix } from "../ts/train/metrics/counts.ts";
import { measure } from "../ts/train/metrics/metrics.ts";

const outputs = Float32Array.of(
  ...[2, 1, 0, -1],
  ...[0, 3, 1, 2],
  ...[1, 1, 0, 0],
  ...[0, 2, 5, 1],
  ...[4, 3, 2, 1],
  ...[-1, -2, -4, -3],
);
const labels = Uint8Array.of(0, 3, 1, 2, 2, 0);
const classes = { outputs, size: 4, split: { count: 6, labels } };
const targets = outputs.map((_, i) => Number(i % 3 === 0));
const several = { outputs, size: 4, split: { count: 6, labels: new Uint8Array(0), targets } };

describe("metrics", () => {
  test("of classes", () => {
    const found = measure(["accuracy", "top2", "top3", "precision", "recall", "f1"], classes);
    // Predictions are 0, 1, 0, 2, 0, 0.
    expect(found.accuracy).toBeCloseTo(3 / 6, 12);
    expect(found.top2).toBeCloseTo(5 / 6, 12);
    expect(found.top3).toBe(1);
    expect(found.precision).toBeCloseTo((2 / 4 + 0 + 1 + 0) / 4, 12);
    expect(found.recall).toBeCloseTo((1 + 0 + 1 / 2 + 0) / 4, 12);
    expect(found.f1).toBeCloseTo((2 / 3 + 0 + 2 / 3 + 0) / 4, 12);
  });

  test("of several labels, and errors of real numbers", () => {
    const found = measure(["accuracy", "f1", "meanSquaredError", "meanAbsoluteError"], several);
    const right = outputs.filter((value, i) => value > 0 === (targets[i] as number) > 0).length;
    expect(found.accuracy).toBeCloseTo(right / 24, 12);
    const differences = [...outputs].map((value, i) => value - (targets[i] as number));
    const mean = (of: (d: number) => number): number => differences.reduce((sum, d) => sum + of(d), 0) / 24;
    expect(found.meanSquaredError).toBeCloseTo(
      mean((d) => d * d),
      12,
    );
    expect(found.meanAbsoluteError).toBeCloseTo(mean(Math.abs), 12);
    expect(found.f1).toBeGreaterThan(0);
  });

  test("are refused where they have no name, or nothing to compare with", () => {
    expect(() => measure(["acuracy" as "accuracy"], classes)).toThrow(/no metric "acuracy"/);
    expect(() => measure(["top0"], classes)).toThrow(/top0/);
    expect(() => measure(["meanSquaredError"], classes)).toThrow(/targets/);
    expect(() => measure(["top2"], several)).toThrow(/labels/);
    const neither = { outputs, size: 4, split: { count: 6, labels: new Uint8Array(0) } };
    expect(() => measure(["f1"], neither)).toThrow(/labels or targets/);
  });
});

describe("the confusion matrix", () => {
  test("counts the examples of each class by their answers", () => {
    const matrix = confusionMatrix([0, 1, 0, 2, 0, 0], labels, 4);
    expect(matrix).toEqual([
      [2, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 1, 0],
      [0, 1, 0, 0],
    ]);
    expect(formatConfusion(matrix, ["cat", "dog", "cow", "hen"]).split("\n")).toEqual([
      "true \\ given to  cat  dog  cow  hen    right",
      "────────────────────────────────────────────",
      "cat              2 █  0    0    0    100.0 %",
      "dog              1 █  0    0    0      0.0 %",
      "cow              1 ▓  0    1 ▓  0     50.0 %",
      "hen              0    1 █  0    0      0.0 %",
    ]);
  });

  test("of many classes lists the mistakes, the most frequent first", () => {
    const truth = Array.from({ length: 60 }, (_, i) => i % 15);
    const answers = truth.map((label, i) => (label === 3 ? 4 : i === 7 ? 8 : label));
    const text = formatConfusion(confusionMatrix(answers, truth, 15), []);
    expect(text.split("\n").slice(2)).toEqual([
      "3     4                4       100.0 %",
      "7     8                1        25.0 %",
    ]);
  });

  test("refuses what does not fit together", () => {
    expect(() => confusionMatrix([0], labels, 4)).toThrow(/1 predictions.*6 labels/);
    expect(() => confusionMatrix([0, 1, 0, 2, 0, 9], labels, 4)).toThrow(/given to 9/);
  });
});
