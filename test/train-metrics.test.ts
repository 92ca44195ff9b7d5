/** Metrics beside fractions counted by hand, and the confusion matrix with its picture. */
import { describe, expect, test } from "vitest";
import { formatConfusion } from "../ts/show/confusion.ts";
import { confusionPicture } from "../ts/show/confusion-picture.ts";
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

  test("of distributions over classes go by the largest target, as the loss does; sides can be asked for", () => {
    const mixed = {
      outputs: Float32Array.of(-1, -2, -3, 2, 1, 4),
      size: 3,
      split: { count: 2, labels: new Uint8Array(0), targets: Float32Array.of(1, 0, 0, 0.25, 0.5, 0.25) },
    };
    expect(measure(["accuracy", "f1"], mixed)).toEqual({ accuracy: 1 / 2, f1: 1 / 3 });
    expect(measure(["accuracy"], { ...mixed, meaning: "sides" }).accuracy).toBeCloseTo(1 / 3, 12);
    expect(() => measure(["accuracy"], { ...mixed, meaning: "largest" as "sides" })).toThrow(/meaning/);
  });

  test("of several labels are means over all of them, and a target says yes above 1/2", () => {
    const given = (outputs: number[], targets: number[]) => ({
      ...{ outputs: Float32Array.from(outputs), size: 3 },
      split: { count: outputs.length / 3, labels: new Uint8Array(0), targets: Float32Array.from(targets) },
    });
    // Of the second label neither truth nor an answer says yes, of the third one the answer is wrong.
    const columns = given([1, -1, 2, 3, -1, -1], [1, 0, 0, 1, 0, 0]);
    expect(measure(["f1"], { ...columns, meaning: "sides" }).f1).toBeCloseTo(1 / 3, 12);
    const probabilities = given([-1, 1, -1], [0.4, 0.6, 0.5]);
    expect(measure(["accuracy", "recall"], probabilities)).toEqual({ accuracy: 1, recall: 1 / 3 });
    expect(measure(["accuracy"], given([-1, 1, -1], [-1, 1, -1])).accuracy).toBe(1);
  });

  test("take no NaN for right", () => {
    const names = ["accuracy", "top2", "f1"] as const;
    const none = { accuracy: 0, top2: 0, f1: 0 };
    const broken = { ...classes, outputs: outputs.map(() => Number.NaN) };
    expect(measure(names, broken)).toEqual(none);
    const sides = { ...several, outputs: broken.outputs };
    expect(measure(["accuracy", "f1"], sides)).toEqual({ accuracy: 0, f1: 0 });
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

  test("is drawn with a cell for each count, darker for a larger share, and the share of right answers", () => {
    const matrix = [
      [3, 1, 0],
      [0, 1200, 0],
      [0, 0, 0],
    ];
    const picture = confusionPicture(matrix, ["a <cat>", "dog"], "answers");
    const texts = [...picture.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    expect(texts.slice(0, 1)).toEqual(["answers"]);
    // Names stand at the row and at the column; the third class has only its number.
    for (const name of ["a &#60;cat&#62;", "dog", "2"]) expect(texts.filter((text) => text === name)).toHaveLength(2);
    expect(texts).toEqual(expect.arrayContaining(["3", "1", "1,200", "75.0 %", "100.0 %", "-"]));
    const [, ...fills] = [...picture.matchAll(/<rect[^>]*fill="(#[0-9a-f]{6})"/g)].map(([, fill]) => fill);
    // Behind the paper nothing is drawn where the count is 0; all of a row has the full colour.
    expect(fills).toHaveLength(3);
    expect(fills[2]).toBe("#0072b2");
    expect(new Set(fills).size).toBe(3);
  });

  test("of many classes is drawn without counts, with the names of some", () => {
    const classes = 200;
    const matrix = Array.from({ length: classes }, (_, row) =>
      Array.from({ length: classes }, (_, column) => Number(row === column)),
    );
    const picture = confusionPicture(matrix, []);
    expect(picture.match(/<rect[^>]*fill="#0072b2"/g)).toHaveLength(classes);
    const [, width = "0"] = /width="([\d.]+)"/.exec(picture) ?? [];
    expect(Number(width)).toBeLessThan(1000);
    // Every fourth class has a name at its row and one at its column.
    expect(picture.match(/>196<\/text>/g)).toHaveLength(2);
    expect(picture).not.toContain(">197</text>");
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
