/** The parts of a comparison: the grid and its keys, run files read back or refused, and reports. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pictureOf } from "../ts/compare/comparison-picture.ts";
import { cellsOf, type Grid, type Run, runsOf, type Settings } from "../ts/compare/grid.ts";
import { comparisonCsv, comparisonTable } from "../ts/compare/report.ts";
import { type RunOutcome, readRun, runPath, writeRun } from "../ts/compare/run-file.ts";
import type { FinishedRun } from "../ts/compare/run-grid.ts";
import { spreadOf } from "../ts/compare/statistics.ts";
import { summarise } from "../ts/compare/summary.ts";
import { secondsLeft } from "../ts/compare/time-left.ts";
import { rejected, withFolder } from "./io-helpers.ts";

const settings: Settings = {
  data: { name: "fashion-mnist", trainImages: 60000, testImages: 10000, sha256: "00" },
  model: { name: "small", inputShape: [28, 28, 1], classes: 10 },
  epochs: 2,
  batchSize: 128,
  optimizer: { name: "adam", learningRate: 0.001, decay: "none" },
};
const grid: Grid = { settings, quantizers: ["fp", "bc", "bnn++"], tasks: ["bw", "bwa"], seeds: [1, 2] };

const resultOf = (testAccuracy: number, seconds = 10): RunOutcome => ({
  failure: null,
  result: {
    testAccuracy,
    testLoss: 0.5,
    softAccuracy: null,
    epochs: [
      { loss: 0.9, accuracy: 0.6, testLoss: 0.8, testAccuracy: testAccuracy / 2 },
      { loss: 0.6, accuracy: 0.7, testLoss: 0.5, testAccuracy },
    ],
    seconds,
    workers: 1,
  },
});

const [first, second] = runsOf(grid) as readonly [Run, Run];

describe("a grid", () => {
  it("is quantizers x tasks x seeds, seed by seed, the float network once for all tasks", () => {
    const runs = runsOf(grid);
    expect(cellsOf(grid)).toHaveLength(5);
    expect(runs.map(({ quantizer, task, seed }) => `${quantizer} ${task} ${seed}`)).toEqual([
      ...["fp null 1", "bc bw 1", "bc bwa 1", "bnn++ bw 1", "bnn++ bwa 1"],
      ...["fp null 2", "bc bw 2", "bc bwa 2", "bnn++ bw 2", "bnn++ bwa 2"],
    ]);
    expect(new Set(runs.map(({ key }) => key)).size).toBe(10);
  });

  it("keeps a run's key from version to version", () => {
    expect(second).toMatchObject({ quantizer: "bc", task: "bw", seed: 1 });
    expect(second.key).toBe("ecbb5d16e5c6573b8aa9fd77d80d925088675782d9da2197cf53a8362025f935");
  });

  it("raises the revision of a run whose quantizer, or that of its activations, has had other defaults", () => {
    const texts = ["bnn++", "bnn++:beta=5", "poly+", "xnor", "bnn"];
    const details = ({ quantizer }: { readonly quantizer: string }) =>
      quantizer === "xnor" ? { activationQuantizer: "pc:scale=filter" } : {};
    const runs = runsOf({ ...grid, quantizers: texts, tasks: ["bwa"], seeds: [1] }, details);
    expect(runs.map(({ quantizer, identity }) => [quantizer, identity.revision])).toEqual([
      ...[["bnn++", 2]],
      ...[["bnn++:beta=5", 2]],
      ...[["poly+", 2]],
      ...[["xnor", 2]],
      ...[["bnn", 1]],
    ]);
  });

  it("gives another key for another option, and the same for the same in another grid", () => {
    const keyWith = (changed: Partial<Settings>): string | undefined =>
      runsOf({ ...grid, settings: { ...settings, ...changed } })[1]?.key;
    const keys = [
      keyWith({}),
      keyWith({ epochs: 3 }),
      keyWith({ batchSize: 64 }),
      keyWith({ data: { ...settings.data, trainImages: 6000 } }),
      keyWith({ data: { ...settings.data, sha256: "01" } }),
      keyWith({ model: { ...settings.model, name: "cnn" } }),
      keyWith({ optimizer: { ...settings.optimizer, name: "sgd" } }),
      keyWith({ optimizer: { ...settings.optimizer, decay: "cosine" } }),
      keyWith({ optimizer: { ...settings.optimizer, learningRate: 0.002 } }),
      runsOf(grid, () => ({ graph: "hash of a graph" }))[1]?.key,
      runsOf(grid, () => ({ activationQuantizer: "poly" }))[1]?.key,
    ];
    expect(new Set(keys).size).toBe(keys.length);
    const other = runsOf({ ...grid, quantizers: ["poly", "bc"], tasks: ["bwa", "bw"], seeds: [9, 1] });
    expect(other.map(({ key }) => key)).toContain(second.key);
  });
});

describe("methods in a grid", () => {
  const methods = ["two-step:share=0.5", "a:x=1+b"];
  const methodical: Grid = { ...grid, quantizers: ["fp", "bc"], tasks: ["bw"], seeds: [1], methods };
  const runs = runsOf(methodical);

  it("make rows beside those without, whose runs stay what they were; the float network has none", () => {
    expect(cellsOf(methodical)).toEqual([
      { quantizer: "fp", task: null },
      { quantizer: "bc", task: "bw" },
      ...methods.map((method) => ({ quantizer: "bc", task: "bw", method })),
    ]);
    expect(runs[1]?.key).toBe(second.key);
    expect(new Set(runs.map(({ key }) => key)).size).toBe(4);
  });

  it("have a column of their own in table and lines, where there are some, and names in the picture", () => {
    const finished = runs.map((run, i): FinishedRun => ({ run, outcome: resultOf(0.5 + i / 10) }));
    const rows = summarise(cellsOf(methodical), finished);
    expect(rows.map(({ accuracy }) => accuracy?.mean)).toEqual([0.5, 0.6, 0.7, 0.8]);
    expect(comparisonTable(rows)).toMatch(/quantizer +task +method[\s\S]*bc +BW +a:x=1\+b +80\.00[\s\S]*bc +BW +- /);
    expect(comparisonTable(rows.slice(0, 2))).not.toContain("method");
    const [head, ...lines] = comparisonCsv(finished).split("\n");
    expect(head).toMatch(/,method$/);
    expect(lines[2]).toMatch(/,two-step:share=0.5$/);
    expect(comparisonCsv(finished.slice(0, 2))).not.toContain("method");
    expect(pictureOf("rows", rows)).toContain("bc, a+b");
  });

  it("keep their options in the picture where their names are the same", () => {
    const twice: Grid = { ...methodical, methods: ["two-step", "two-step:share=0.3", "a:x=1"] };
    const finished = runsOf(twice).map((run): FinishedRun => ({ run, outcome: resultOf(0.5) }));
    const picture = pictureOf("rows", summarise(cellsOf(twice), finished));
    for (const name of ["bc, two-step<", "bc, two-step:share=0.3<", "bc, a<"]) expect(picture).toContain(name);
  });
});

describe("a run's file", () => {
  it("is read back as it was written, whoever wrote more into it", () =>
    withFolder(async (folder) => {
      expect(await readRun(folder, first)).toBeUndefined();
      await writeRun(folder, first, resultOf(0.875));
      expect(await readRun(folder, first)).toEqual(resultOf(0.875));
      const path = runPath(folder, first);
      const content = JSON.parse(await readFile(path, "utf8"));
      const [epoch, ...epochs] = content.result.epochs;
      const early = { ...epoch, softAccuracy: 0.125, later: 3 };
      const result = { ...content.result, later: 2, softAccuracy: 0.25, epochs: [early, ...epochs] };
      const later = { ...content, later: 1, result };
      await writeFile(path, JSON.stringify(later));
      const read = (await readRun(folder, first))?.result;
      expect(read?.softAccuracy).toBe(0.25);
      expect(read?.epochs[0]).toEqual({ ...epoch, softAccuracy: 0.125 });
    }));

  it("holds losses below 0, which terms of methods may make, and how often an epoch was begun anew", () =>
    withFolder(async (folder) => {
      const { result } = resultOf(0.875);
      if (result === null) throw new Error("there is a result");
      const epochs = result.epochs.map((epoch) => ({ ...epoch, loss: -17.5, testLoss: -0.25, rollbacks: 2 }));
      const outcome = { result: { ...result, testLoss: -0.25, metrics: { r2: -1 }, epochs }, failure: null };
      await writeRun(folder, first, outcome);
      expect(await readRun(folder, first)).toEqual(outcome);
    }));

  it("holds the failure of a run that met a number which is not finite", () =>
    withFolder(async (folder) => {
      await writeRun(folder, first, { result: null, failure: "epoch 1, step 3" });
      expect(await readRun(folder, first)).toEqual({ result: null, failure: "epoch 1, step 3" });
    }));

  it.each([
    ["cut short", (text: string) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["no object", () => "7"],
    ["of another format", (text: string) => text.replace("proxbit-run", "another")],
    ["of a later version", (text: string) => text.replace('"version": 1', '"version": 2')],
    ["another run's by its key", (text: string) => text.replace(first.key, second.key)],
    ["another run's by what it holds", (text: string) => text.replace('"seed": 1', '"seed": 2')],
    ["without its result", (text: string) => text.replace('"result"', '"other"')],
    ["without its epochs", (text: string) => text.replace('"epochs": [', '"courses": [')],
    ["better than it can be", (text: string) => text.replace('"testAccuracy": 0.875,', '"testAccuracy": 1.875,')],
    ["short of an epoch", (text: string) => text.replace(/\{[^{}]*\},\s*(?=\{\s*"loss")/, "")],
    ["beyond all numbers", (text: string) => text.replace('"seconds": 10', '"seconds": 1e999')],
    ["without its time", (text: string) => text.replace('"seconds"', '"hours"')],
  ])("is refused by name where it is %s", (_, spoil) =>
    withFolder(async (folder) => {
      await writeRun(folder, first, resultOf(0.875));
      const path = runPath(folder, first);
      const text = await readFile(path, "utf8");
      const spoilt = spoil(text);
      expect(spoilt).not.toBe(text);
      await writeFile(path, spoilt);
      const { message } = await rejected("run-file", readRun(folder, first));
      expect(message).toContain(`${path} is not a finished run: `);
    }),
  );

  const numbers = ["testAccuracy", "softAccuracy", "seconds", "workers"];
  it.each(numbers)("is refused by the name of its %s where that is no such number", (name) =>
    withFolder(async (folder) => {
      await writeRun(folder, first, resultOf(0.875));
      const path = runPath(folder, first);
      const content = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...content, result: { ...content.result, [name]: -1 } }));
      expect((await rejected("run-file", readRun(folder, first))).message).toContain(`its ${name} is no `);
    }),
  );

  it("is refused where a directory has its name", () =>
    withFolder(async (folder) => {
      await mkdir(runPath(folder, first));
      expect((await rejected("run-file", readRun(folder, first))).message).toContain("EISDIR");
    }));

  it("is written whole or not at all, and not without its directory", () =>
    withFolder(async (folder) => {
      await rejected("output", writeRun(join(folder, "nowhere"), first, resultOf(0.5)));
    }));
});

describe("the time left", () => {
  const [fp, bc, bcBoth, pp] = runsOf(grid) as readonly [Run, Run, Run, Run];

  it("is unknown at first, then learned from the run at work and from finished ones of the same kind", () => {
    expect(secondsLeft([], [fp, bc], [])).toBeNull();
    expect(secondsLeft([], [fp, bc], [{ run: pp, seconds: 1, from: 0, share: 0.01 }])).toBeNull();
    // The run at work takes 20 s in all, of which 15 are left. Two others take as much each.
    expect(secondsLeft([], [fp, bc], [{ run: pp, seconds: 5, from: 0, share: 0.25 }])).toBeCloseTo(15 + 40);
    // The other seed of bc took 30 s; the mean over both is 20 s.
    const timed = [
      { run: bc, seconds: 30 },
      { run: fp, seconds: 10 },
    ];
    expect(secondsLeft(timed, [bc, bcBoth], [])).toBeCloseTo(30 + 20);
    // Two at once share the rest, which takes as long as the longest run at work at least.
    const atWork = [
      { run: fp, seconds: 5, from: 0, share: 0.5 },
      { run: pp, seconds: 15, from: 0.25, share: 0.5 },
    ];
    expect(secondsLeft(timed, [bc], atWork)).toBeCloseTo((5 + 30 + 30) / 2);
    expect(secondsLeft([], [], atWork)).toBeCloseTo(30);
  });
});

describe("a summary", () => {
  const finished = (accuracies: readonly (number | null)[], quantizer = "bc"): readonly FinishedRun[] =>
    runsOf({ ...grid, quantizers: [quantizer], tasks: ["bw"], seeds: accuracies.map((_, index) => index) }).map(
      (run, index) => {
        const accuracy = accuracies[index] ?? null;
        return { run, outcome: accuracy === null ? { result: null, failure: "diverged" } : resultOf(accuracy) };
      },
    );
  const cell = { quantizer: "bc", task: "bw" } as const;
  /** The same with a network that was soft after its first epoch. */
  const withSoft =
    (softAccuracy: number) =>
    ({ run, outcome }: FinishedRun): FinishedRun => {
      if (outcome.result === null) return { run, outcome };
      const epochs = outcome.result.epochs.map((epoch, index) => (index === 0 ? { ...epoch, softAccuracy } : epoch));
      return { run, outcome: { result: { ...outcome.result, epochs }, failure: null } };
    };

  it("is mean and sample deviation over seeds", () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([0.5])).toEqual({ mean: 0.5, deviation: null });
    expect(spreadOf([1, 2, 3, 4])?.deviation).toBeCloseTo(Math.sqrt(5 / 3), 14);
    const [row] = summarise([cell], finished([0.8, 0.9]));
    expect(row).toMatchObject({ seeds: [0, 1], accuracies: [0.8, 0.9], failures: [] });
    expect(row?.accuracy?.mean).toBeCloseTo(0.85, 14);
    expect(row?.course[0]).toBeCloseTo(0.425, 14);
    expect(row?.course[1]).toBeCloseTo(0.85, 14);
  });

  it("counts failed runs and leaves them out of the mean", () => {
    const [row] = summarise([cell], finished([0.8, null, 0.9]));
    expect(row).toMatchObject({ accuracies: [0.8, null, 0.9], failures: ["diverged"] });
    expect(row?.accuracy?.mean).toBeCloseTo(0.85, 14);
    const all = summarise([cell], finished([null, null]));
    expect(all[0]?.accuracy).toBeNull();
    expect(comparisonTable(all)).toMatch(/bc +BW +failed +2, 2 failed/);
  });

  it("tells the median time of a run, which a busy machine moves less than the mean", () => {
    const [one, two, three] = finished([0.8, 0.9, 0.7]) as [FinishedRun, FinishedRun, FinishedRun];
    const rows = summarise(
      [cell],
      [one, { ...two, outcome: resultOf(0.9, 1977) }, { ...three, outcome: resultOf(0.7, 12) }],
    );
    expect(rows[0]).toMatchObject({ medianSeconds: 12, seconds: { mean: (10 + 1977 + 12) / 3 } });
    expect(comparisonTable(rows)).toMatch(/ 3 +12\.0$/m);
    expect(summarise([cell], finished([null]))[0]?.medianSeconds).toBeNull();
  });

  it("says what activations take where the quantizer is for weights alone", () => {
    const recu = { quantizer: "recu", task: "bwa" } as const;
    const [run] = runsOf({ ...grid, quantizers: ["recu"], tasks: ["bwa"], seeds: [1] }, () => ({
      activationQuantizer: "poly",
    }));
    const rows = summarise([recu], [{ run: run as Run, outcome: resultOf(0.5) }]);
    expect(rows[0]?.activationQuantizer).toBe("poly");
    expect(comparisonTable(rows)).toContain("recu, activations poly");
  });

  it("is a table, with soft accuracies in one of their own where some were measured", () => {
    const rows = summarise([cell], finished([0.8, 0.9]));
    const lines = comparisonTable(rows).split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^quantizer +task +test accuracy, % +runs +median seconds of a run$/),
      expect.stringMatching(/^─+$/),
      expect.stringMatching(/^bc +BW +85\.00 ± 7\.07 +2 +10\.0$/),
    ]);
    // Numbers end where their titles end.
    expect(lines[2]).toHaveLength(lines[0]?.length ?? 0);
    const soft = summarise([cell], finished([0.8, 0.9]).map(withSoft(0.91)));
    expect(soft[0]?.softCourse).toEqual([0.91, null]);
    expect(soft[0]?.soft).toEqual({ mean: 0.91, deviation: 0, epoch: 1 });
    const [, below] = comparisonTable(soft).split("\n\n");
    // After that epoch the hard-signed networks had 40 and 45 %.
    expect(below).toMatch(/^quantizer +task +soft accuracy, %[^\n]*\n─+\nbc +BW +91\.00 ± 0\.00 +42\.50 +-48\.50 +1$/);
    expect(pictureOf("", soft)).toMatch(/<circle [^>]*r="1.6"/);
  });

  it("is a line for each run in CSV, fields quoted where they need it", () => {
    const [failed, good] = finished([null, 0.5]) as readonly [FinishedRun, FinishedRun];
    const lines = comparisonCsv([{ ...failed, outcome: { result: null, failure: 'layer "a", b' } }, good]).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe("quantizer,task,seed,testAccuracy,testLoss,softAccuracy,seconds,workers,failure,key");
    expect(lines[1]).toBe(`bc,bw,0,,,,,,"layer ""a"", b",${failed.run.key}`);
    expect(lines[2]).toBe(`bc,bw,1,0.5,0.5,,10,1,,${good.run.key}`);
  });

  it("is a picture without a number that is none, whatever is in it", () => {
    const cases = [[], summarise([cell], []), summarise([cell], finished([null])), summarise([cell], finished([0.5]))];
    for (const rows of [...cases, summarise(cellsOf(grid), finished([0.8, 0.9]))]) {
      const picture = pictureOf("a < b & c", rows);
      expect(picture).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
      expect(picture).toContain("a &#60; b &#38; c");
      expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    }
    const drawn = pictureOf("", summarise([cell], finished([0.8, 0.9])));
    expect(drawn).toContain("85.00 ± 7.07 %");
    expect(drawn).toContain("<polyline");
  });

  it("names the courses in the order of their ends, the best above", () => {
    const best = { ...cell, quantizer: "bnn" } as const;
    const rows = summarise([cell, best], [...finished([0.5]), ...finished([0.9], "bnn")]);
    const placeOf = (name: string): number =>
      Number(new RegExp(`y="([\\d.]+)"[^>]*>${name} {2}\\d`).exec(pictureOf("", rows))?.[1]);
    expect(placeOf("bnn")).toBeLessThan(placeOf("bc"));
  });

  it("draws the best of a task above, and a line where the baseline is", () => {
    const names = ["bc", "bnn", "poly"];
    const own = names.map((quantizer) => ({ ...cell, quantizer }));
    const runs = [...finished([0.5, 0.6]), ...finished([0.7, 0.9], "bnn"), ...finished([0.3, 0.3], "poly")];
    const picture = pictureOf("", summarise(own, runs));
    const heights = names.map((name) =>
      Number(new RegExp(`y="([\\d.]+)"[^>]*text-anchor="end"[^>]*>${name}<`).exec(picture)?.[1]),
    );
    expect(heights[1]).toBeLessThan(heights[0] as number);
    expect(heights[2]).toBeGreaterThan(heights[0] as number);
    expect(picture).toContain("line: bc, the baseline");
    const long = "bnn++:beta=sequence(0.5,logLinear(1,5),2),hardenAt=0.5";
    const widthOf = (text: string): number => Number(/viewBox="0 0 (\d+)/.exec(text)?.[1]);
    const wide = pictureOf("", summarise([{ ...cell, quantizer: long }], finished([0.5], long)));
    expect(widthOf(wide)).toBeGreaterThan(widthOf(picture) + 2 * 200);
    expect(picture).toContain("80.00 ± 14.14 %, +25.00");
    expect(picture).toMatch(/<line [^>]*stroke="#111" stroke-width="1.2"/);
  });

  it("draws the float network's course also where it is alone, and so of no task", () => {
    const float = { quantizer: "fp", task: null } as const;
    const [run] = runsOf({ ...grid, quantizers: ["fp"], seeds: [1] }) as readonly [Run];
    const picture = pictureOf("", summarise([float], [{ run, outcome: resultOf(0.5) }]));
    expect(picture).toContain("test accuracy after each epoch, hard-signed<");
    expect(picture).toContain("<polyline");
  });
});
