/** A comparison's statements about its numbers: Student's distribution, intervals, pairs by seed, and the page's sentences. */
import { describe, expect, it } from "vitest";
import { pictureOf } from "../ts/compare/comparison-picture.ts";
import { cellsOf, runsOf, type Settings } from "../ts/compare/grid.ts";
import { comparisonPage } from "../ts/compare/report.ts";
import type { FinishedRun } from "../ts/compare/run-grid.ts";
import { differenceOf, intervalOf, studentBelow, studentQuantile } from "../ts/compare/statistics.ts";
import { summarise, usualBaseline } from "../ts/compare/summary.ts";
import {
  accuracyCells,
  byMean,
  findings,
  pairCells,
  pairFindings,
  pointsText,
  ranked,
  tablesOf,
} from "../ts/compare/tables.ts";
import type { Task } from "../ts/nn/models/tasks.ts";

/** The density of Student's distribution, of which the constant is left out. */
const density = (t: number, freedom: number): number => (1 + t ** 2 / freedom) ** (-(freedom + 1) / 2);

/** P(0 <= T <= t) / P(0 <= T) by Simpson's rule, over u = atan(t / sqrt(freedom)), where the range is finite. */
function integral(t: number, freedom: number): number {
  const upTo = (angle: number): number => {
    const steps = 2000;
    const at = (index: number): number => {
      const u = (angle * index) / steps;
      const x = Math.sqrt(freedom) * Math.tan(u);
      return (density(x, freedom) * Math.sqrt(freedom)) / Math.cos(u) ** 2;
    };
    let sum = at(0) + at(steps);
    for (let index = 1; index < steps; index++) sum += (index % 2 === 1 ? 4 : 2) * at(index);
    return (sum * angle) / (3 * steps);
  };
  return upTo(Math.atan(t / Math.sqrt(freedom))) / upTo(Math.PI / 2 - 1e-6);
}

describe("Student's distribution", () => {
  it("is the integral of its density", () => {
    for (const freedom of [2, 3, 4, 5, 6, 9, 10, 31]) {
      for (const t of [0, 0.3, 1, 2.5, 7]) {
        expect(studentBelow(t, freedom), `${freedom} ${t}`).toBeCloseTo(0.5 + integral(t, freedom) / 2, 6);
      }
    }
    expect(studentBelow(1, 1)).toBeCloseTo(0.75, 14);
  });

  it("has the quantiles of printed tables", () => {
    const printed = { 1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042, 120: 1.98 };
    for (const [freedom, t] of Object.entries(printed))
      expect(studentQuantile(0.95, Number(freedom))).toBeCloseTo(t, 3);
    expect(studentQuantile(0.99, 4)).toBeCloseTo(4.604, 3);
  });
});

describe("intervals and differences", () => {
  it("are mean +- t s / sqrt(n), and none of one value", () => {
    const { low, high, n } = intervalOf([1, 2, 3, 4]) ?? { low: 0, high: 0, n: 0 };
    const half = (3.182446 * Math.sqrt(5 / 3)) / 2;
    expect([low, high, n]).toEqual([expect.closeTo(2.5 - half, 5), expect.closeTo(2.5 + half, 5), 4]);
    expect(intervalOf([1])).toBeNull();
  });

  it("pair runs by their seeds, and leave out those that failed or are on one side alone", () => {
    const own = new Map([
      [1, 0.9],
      [2, 0.7],
      [3, null],
      [4, 0.8],
      [9, 0.1],
    ]);
    const other = new Map([
      [4, 0.5],
      [2, 0.6],
      [1, 0.7],
      [3, 0.2],
      [8, 0.3],
    ]);
    // 0.2, 0.1 and 0.3: their deviation is 0.1.
    const found = differenceOf(own, other);
    expect(found).toMatchObject({ pairs: 3, mean: expect.closeTo(0.2, 12), effect: expect.closeTo(2, 10) });
    expect(found?.interval?.high).toBeCloseTo(0.2 + (4.302653 * 0.1) / Math.sqrt(3), 6);
    expect(differenceOf(own, new Map([[8, 0.3]]))).toBeNull();
    expect(differenceOf(new Map([[1, 0.5]]), other)).toMatchObject({ interval: null, effect: null, pairs: 1 });
    expect(differenceOf(other, other)).toMatchObject({ mean: 0, effect: null });
  });
});

const settings: Settings = {
  data: { name: "data", trainImages: 1, testImages: 1, sha256: "00" },
  model: { name: "small", inputShape: [1], classes: 2 },
  ...{ epochs: 1, batchSize: 1, optimizer: { name: "adam", learningRate: 0.001, decay: "none" } },
};

/** Rows of a grid whose run of seed i has the i-th accuracy, and in each later task a tenth more. */
function rowsOf(
  accuracies: Readonly<Record<string, readonly number[]>>,
  baseline?: string,
  tasks: readonly Task[] = ["bw"],
) {
  const quantizers = Object.keys(accuracies);
  const seeds = (accuracies[quantizers[0] as string] as readonly number[]).map((_, seed) => seed);
  const grid = { settings, quantizers, tasks, seeds };
  const finished = runsOf(grid).map((run): FinishedRun => {
    const more = run.task === null ? 0 : tasks.indexOf(run.task) / 10;
    const testAccuracy = (accuracies[run.quantizer]?.[run.seed] as number) + more;
    const result = { testAccuracy, testLoss: 1, softAccuracy: null, epochs: [], seconds: 1, workers: 1 };
    return { run, outcome: { result, failure: null } };
  });
  return summarise(cellsOf(grid), finished, ...(baseline === undefined ? [] : [baseline]));
}

describe("a summary", () => {
  it("holds rows against BinaryConnect, else the float network, else the first, or whom it is told", () => {
    expect(usualBaseline(["poly", "fp", "bc"].map((quantizer) => ({ quantizer, task: "bw" })))).toBe("bc");
    expect(usualBaseline(["poly", "fp"].map((quantizer) => ({ quantizer, task: "bw" })))).toBe("fp");
    expect(usualBaseline([{ quantizer: "poly", task: "bw" }])).toBe("poly");
    expect(usualBaseline([])).toBeNull();
    const given = { fp: [0.9, 0.92], bc: [0.5, 0.6], poly: [0.7, 0.9] };
    // The float network has one row for all tasks, and each of them has a baseline of its own.
    const against = (baseline?: string) => rowsOf(given, baseline).map((row) => row.against?.mean.toFixed(2) ?? null);
    expect(against()).toEqual([null, null, "0.25"]);
    expect(against("poly")).toEqual([null, "-0.25", null]);
    expect(against("fp")).toEqual([null, "-0.36", "-0.11"]);
  });

  it("is ranked with the float network first and the best of each task above", () => {
    const rows = rowsOf({ bc: [0.5, 0.6], poly: [0.7, 0.9], fp: [0.1, 0.1], bnn: [0.6, 0.6] });
    expect(ranked(rows).map(({ quantizer }) => quantizer)).toEqual(["fp", "poly", "bnn", "bc"]);
    expect(byMean(rows).map(({ quantizer }) => quantizer)).toEqual(["poly", "bnn", "bc", "fp"]);
  });
});

describe("a page", () => {
  it("begins with the finding, and says where seeds do not tell quantizers apart", () => {
    const clear = findings(rowsOf({ bc: [0.5, 0.6, 0.55], poly: [0.7, 0.8, 0.76] }));
    expect(clear).toEqual([
      expect.stringMatching(/^binary weights \(BW\): poly is best with 75\.33 ± 5\.03 %, n = 3, \+20/),
    ]);
    expect(clear[0]).toMatch(/points against bc\.$/);
    const [unclear] = findings(rowsOf({ bc: [0.5, 0.6, 0.55], poly: [0.7, 0.5, 0.6] }));
    expect(unclear).toMatch(/These seeds do not tell it from bc\.$/);
    expect(findings(rowsOf({ bc: [0.5], poly: [0.7] }))[0]).toMatch(/One seed does not tell how much/);
    expect(findings(rowsOf({ bc: [0.8, 0.9], poly: [0.7, 0.7] }))[0]).toMatch(/It is the baseline\.$/);
    expect(findings(rowsOf({ bc: [0.8, 0.9] }))[0]).toMatch(/n = 2\.$/);
  });

  it("has a table a task with intervals, differences and effects, the best above", () => {
    const rows = rowsOf({ bc: [0.5, 0.6, 0.55], poly: [0.7, 0.8, 0.76] });
    const { titles, rows: cells } = accuracyCells(byMean(rows), { withTask: false, withStatistics: true });
    expect(titles.slice(2, 5)).toEqual(["95 % interval of the mean", "against bc, points (95 %)", "effect"]);
    // Differences 0.2, 0.2 and 0.21 have the deviation 0.00577 and 0.01434 as half an interval.
    expect(cells[0]?.slice(0, 5)).toEqual([
      "poly",
      "75.33 ± 5.03",
      "62.83 to 87.84",
      "+20.33 (+18.90 to +21.77)",
      "35.2",
    ]);
    expect(cells[1]?.[3]).toBe("baseline");
    const report = { title: "t", settings, rows, finished: [], command: "c", machine: "m", version: "v" };
    const page = comparisonPage(report, "p.svg").split("\n\n");
    expect(page.slice(0, 4)).toEqual([
      ...["# t", expect.stringMatching(/^- binary weights/), "![t](p.svg)", "## binary weights (BW)"],
    ]);
    expect(page.at(-2)).toContain("Student's t with n - 1");
  });

  it("holds the float network against the baseline of each task, paired by seed", () => {
    const rows = rowsOf({ fp: [0.9, 0.92, 0.9], bc: [0.5, 0.6, 0.55], poly: [0.6, 0.6, 0.6] }, "bc", ["bw", "bwa"]);
    expect(rows[0]).toMatchObject({ quantizer: "fp", against: null });
    const found = tablesOf(rows).map(({ rows: own }) => own.find(({ quantizer }) => quantizer === "fp")?.against);
    // Differences 0.4, 0.32 and 0.35 have the deviation 0.0404 and 0.1004 as half an interval; the second task has a tenth less.
    expect(found.map((one) => [one?.mean.toFixed(4), one?.interval?.low.toFixed(4), one?.pairs])).toEqual([
      ["0.3567", "0.2563", 3],
      ["0.2567", "0.1563", 3],
    ]);
    const report = { title: "t", settings, rows, finished: [], command: "c", machine: "m", version: "v" };
    const page = comparisonPage(report, "p.svg");
    expect(page).toContain("| +35.67 (+25.63 to +45.71) |");
    expect(page).toContain("| +25.67 (+15.63 to +35.71) |");
    expect(pictureOf("", rows)).toContain("90.67 ± 1.15 %, +35.67");
  });

  it("has a baseline where it and the float network are all that was compared", () => {
    const rows = rowsOf({ fp: [0.9, 0.92], bc: [0.5, 0.6] });
    const report = { title: "t", settings, rows, finished: [], command: "c", machine: "m", version: "v" };
    expect(comparisonPage(report, "p.svg")).toContain("Differences to bc are paired by seed.");
    expect(pictureOf("", rows)).toContain("line: bc, the baseline");
    const alone = rowsOf({ fp: [0.9, 0.92] });
    expect(comparisonPage({ ...report, rows: alone }, "p.svg")).not.toContain("paired by seed");
  });

  it("holds pairs against the quantizers that they were made of", () => {
    const given = { fp: [0.9, 0.9, 0.9], poly: [0.7, 0.8, 0.75], "poly+": [0.65, 0.75, 0.69], "ede+": [0.1, 0.2, 0.3] };
    const rows = rowsOf({ ...given, bnn: [0.5, 0.6, 0.7], "bnn+": [0.7, 0.5, 0.6], "bnn++": [0.6, 0.7, 0.6] });
    expect(pairCells(rows)).toEqual({
      titles: ["pair", "original", "task", "points (95 %)", "effect", "seeds"],
      // ede+ stands without its original.
      rows: [
        // Differences -0.05, -0.05 and -0.06 have the deviation 0.00577 and 0.01434 as half an interval.
        ["poly+", "poly", "BW", "-5.33 (-6.77 to -3.90)", "-9.2", "3"],
        ["bnn+", "bnn", "BW", "+0.00 (-43.03 to +43.03)", "0.0", "3"],
        ["bnn++", "bnn+", "BW", "+3.33 (-34.61 to +41.28)", "0.2", "3"],
      ],
    });
    const [found] = pairFindings(rows);
    expect(found).toBe(
      "These seeds tell 1 of 3 pairs from the original: poly+ from poly (BW) by -5.33 (-6.77 to -3.90) points.",
    );
    expect(pairFindings(rowsOf({ ede: [0.5, 0.6], "ede+": [0.6, 0.5] }))).toEqual([
      "These seeds tell no pair from its original, of 1 pair.",
    ]);
    expect(pairFindings(rowsOf({ ede: [0.5], "ede+": [0.6] }))).toEqual([]);
    expect(pairCells(rowsOf({ bc: [0.5], "ede+": [0.6] }))).toBeNull();
    const report = { title: "t", settings, rows, finished: [], command: "c", machine: "m", version: "v" };
    expect(comparisonPage(report, "p.svg")).toContain(`## Pairs against their originals\n\n| pair | original |`);
  });

  it("draws pairs around a line of no difference, those pale that seeds do not tell from it", () => {
    const given = { poly: [0.7, 0.8, 0.75], "poly+": [0.65, 0.75, 0.69], bnn: [0.5, 0.52, 0.51] };
    const picture = pictureOf("", rowsOf({ ...given, "bnn+": [0.51, 0.51, 0.51], fp: [0.9, 0.9, 0.9] }));
    const [, chart = ""] = picture.split("Pairs against their originals");
    const zero = Number(/<line x1="([\d.]+)"[^>]*stroke="#111" stroke-width="1.2"/.exec(chart)?.[1]);
    const groups = [...chart.matchAll(/<g opacity="([\d.]+)">([\s\S]*?)<\/g>/g)].map(([, opacity, parts = ""]) => ({
      opacity,
      dot: Number(/<circle cx="([\d.]+)"/.exec(parts)?.[1]),
      ends: [...parts.matchAll(/<line x1="([\d.]+)" y1="([\d.]+)" x2="\1"/g)].map(([, x]) => Number(x)),
    }));
    const [poly, bnn] = groups;
    expect(groups.map(({ opacity }) => opacity)).toEqual(["1", "0.4"]);
    // -5.33 (-6.77 to -3.90), and 0 (-2.48 to +2.48): of three seeds whiskers are seen.
    expect(poly?.ends.every((end) => end < zero)).toBe(true);
    expect(poly?.dot).toBeLessThan(zero);
    expect(bnn?.dot).toBeCloseTo(zero, 0);
    expect((bnn?.ends[0] as number) + (bnn?.ends[1] as number)).toBeCloseTo(2 * zero, 0);
    expect((zero - (poly?.ends[0] as number)) / (zero - (bnn?.ends[0] as number))).toBeCloseTo(6.767 / 2.484, 1);
    for (const text of ["poly+ against poly", "bnn+ against bnn", "-5.33 (-6.77 to -3.90)", "original better"]) {
      expect(chart).toContain(text);
    }
  });

  it("draws no chart of pairs where there are none, and one without intervals of one seed", () => {
    expect(pictureOf("", rowsOf({ bc: [0.5, 0.6], "ede+": [0.6, 0.7] }))).not.toContain("originals");
    const single = pictureOf("", rowsOf({ ede: [0.5], "ede+": [0.5] }));
    expect(single).toMatch(/<g opacity="0.4">\n<circle [^>]*>\n<\/g>/);
    expect(single).not.toMatch(/NaN|Infinity|undefined/);
    // The interval of two seeds is -112 to +142 points, around 15: its bar leaves the chart, and has no whiskers.
    const two = pictureOf("", rowsOf({ ede: [0.5, 0.5], "ede+": [0.55, 0.75] }));
    expect(two).toMatch(/<g opacity="0.4">\n<line [^>]*>\n<circle [^>]*>\n<\/g>/);
  });

  it("writes differences with a sign, and no minus before what rounds to 0", () => {
    expect([0.0088, -0.021, 0, -0.000001].map(pointsText)).toEqual(["+0.88", "-2.10", "+0.00", "0.00"]);
  });
});
