/** `proxbit compare` at work. Workers change no number, no run is done twice, and ends keep all finished runs. */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { failureOf, jsonLines, outcome, proxbit, resultOf, start } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

/** A network that trains in a moment, and one that ignores its arguments. */
const NETWORK = `
import { layers, sequential } from "proxbit";

export default ({ inputShape, weightQuantizer, activationQuantizer }) =>
  sequential({ inputShape, name: "tiny" }, [
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 4 }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 10, weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
  ]);
`;
const DEAF = NETWORK.replace(
  "units: 10, weightQuantizer, activationQuantizer",
  'units: 10, weightQuantizer: "bc", activationQuantizer',
);

let folder = "";
let network = "";
let out = "";
let done: Record<string, unknown> = {};

/** Five runs: the float network, and two quantizers in two tasks. */
const compareTo = (directory: string, ...more: readonly string[]): readonly string[] => {
  const data = ["compare", "--data", "mnist", "--train-images", "256", "--test-images", "100", "--model", network];
  const grid = ["--quantizers", "fp,bc,bnn++", "--tasks", "bw,bwa", "--seeds", "1", "--epochs", "4"];
  return [...data, ...grid, "--batch-size", "64", "--out", directory, ...more];
};

/** The names of finished runs. A run under way has a checkpoint beside them. */
const runsIn = async (directory: string): Promise<readonly string[]> =>
  (await readdir(join(directory, "runs"))).filter((name) => name.endsWith(".json")).sort();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxbit-compare-"));
  network = join(folder, "network.ts");
  out = join(folder, "out");
  await writeFile(network, NETWORK);
  done = await resultOf(...compareTo(out, "--workers", "1"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Row {
  readonly quantizer: string;
  readonly task: string | null;
  readonly accuracies: readonly number[];
}

/** The part of a report that must not depend on the machine. */
const numbersOf = (result: Record<string, unknown>): unknown =>
  (result.rows as readonly (Row & { readonly course: unknown })[]).map(({ quantizer, task, accuracies, course }) => ({
    ...{ quantizer, task, accuracies, course },
  }));

describe("compare", () => {
  it("writes a file for each run, a page, a picture, JSON and CSV", async () => {
    expect(await runsIn(out)).toEqual([
      expect.stringMatching(/^bc-bw-seed1-[0-9a-f]{16}\.json$/),
      expect.stringMatching(/^bc-bwa-seed1-/),
      expect.stringMatching(/^bnn\+\+-bw-seed1-/),
      expect.stringMatching(/^bnn\+\+-bwa-seed1-/),
      expect.stringMatching(/^fp-seed1-/),
    ]);
    expect((await readdir(out)).sort()).toEqual(["compare.csv", "compare.json", "compare.md", "compare.svg", "runs"]);
    const rows = done.rows as readonly Row[];
    expect(rows.map(({ quantizer, task }) => [quantizer, task])).toEqual([
      ["fp", null],
      ["bc", "bw"],
      ["bc", "bwa"],
      ["bnn++", "bw"],
      ["bnn++", "bwa"],
    ]);
    for (const { accuracies } of rows) expect(accuracies[0]).toBeGreaterThan(0);
    const page = await readFile(join(out, "compare.md"), "utf8");
    expect(page).toMatch(/## binary weights and activations \(BWA\)[\s\S]*\n\| bnn\+\+ \| /);
    expect(page).toMatch(/^# [^\n]*\n\n- binary weights \(BW\): /);
    expect(page).toMatch(/node \S*main\.ts compare --data mnist/);
    expect((await readFile(join(out, "compare.csv"), "utf8")).trimEnd().split("\n")).toHaveLength(6);
    expect(JSON.parse(await readFile(join(out, "compare.json"), "utf8")).rows).toEqual(rows);
  });

  it.each(["--workers", "--parallel"])("gives the same numbers with %s 2", (option) =>
    withFolder(async (place) => {
      expect(numbersOf(await resultOf(...compareTo(place, option, "2")))).toEqual(numbersOf(done));
    }),
  );

  it("does no run twice, does those that are new, and says a table to people", async () => {
    const before = await runsIn(out);
    const { code, stdout, stderr } = await proxbit(...compareTo(out, "--quantizers", "fp,bc,bnn++,poly"));
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^5 of 7 runs were finished before\nrun 6\/7 {2}poly BW seed 1 {2}[\d.]+ % {2}[\d.]+ s\nrun 7\/7 /,
    );
    expect(stdout).toMatch(/\nbnn\+\+ +BWA +[\d.]+ +[+-][\d.]+ +1 +[\d.]+\n/);
    expect(stdout).toMatch(/\nbnn\+\+ +BWA +[\d.]+ +[\d.]+ +[+-][\d.]+ +1\n/);
    const after = await runsIn(out);
    expect(after.filter((name) => before.includes(name))).toEqual(before);
    expect(after).toHaveLength(7);
  });

  it("keeps the finished runs after Ctrl-C, exits with 130, and goes on from there to the same numbers", () =>
    withFolder(async (place) => {
      const child = start(compareTo(place, "--json"));
      const ended = outcome(child);
      for await (const line of createInterface(child.stdout ?? process.stdin)) if (line.includes('"run"')) break;
      child.kill("SIGINT");
      const { code, stderr } = await ended;
      expect(code).toBe(130);
      expect(stderr).toMatch(/\nerror: the comparison was stopped\n {2}Run the same command again/);
      const kept = await runsIn(place);
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.length).toBeLessThan(5);
      const { stdout } = await proxbit(...compareTo(place, "--json"));
      const lines = jsonLines(stdout);
      expect(lines.filter(({ type, fromFile }) => type === "run" && fromFile === true)).toHaveLength(kept.length);
      expect(numbersOf(lines.at(-1) ?? {})).toEqual(numbersOf(done));
    }));

  it("takes former names of options, and varies what train can vary", () =>
    withFolder(async (place) => {
      const short = (...more: readonly string[]) => compareTo(place, "--quantizers", "fp", "--epochs", "1", ...more);
      await resultOf(...short("--schedule", "linear"));
      const lines = jsonLines((await proxbit(...short("--decay", "linear", "--json"))).stdout);
      expect(lines.filter(({ type }) => type === "run")).toEqual([expect.objectContaining({ fromFile: true })]);
      const { settings } = await resultOf(...short("--augment", "mirror,shift:2", "--label-smoothing", "0.1"));
      expect(settings).toMatchObject({ augment: { mirror: true, shift: 2 }, labelSmoothing: 0.1 });
      expect(await runsIn(place)).toHaveLength(2);
      expect(await readFile(join(place, "compare.md"), "utf8")).toContain("mirrored, moved by up to 2 pixels");
    }));

  it("tells of each run the layers that it starts from", () =>
    withFolder(async (place) => {
      const source = join(place, "source.safetensors");
      const other = sequential({ inputShape: [28, 28, 1] }, [
        layers.conv2d({ filters: 4, kernelSize: 3, strides: 4 }),
        layers.flatten(),
        layers.dense({ units: 10 }),
      ]);
      const trainer = await Trainer.create(other, { workers: 1 });
      await writeFile(source, await trainer.pack());
      trainer.close();
      const from = [
        "--quantizers",
        "fp,bc",
        "--tasks",
        "bw",
        "--epochs",
        "1",
        "--from",
        source,
        "--from-layers",
        "shared",
      ];
      const lines = jsonLines((await proxbit(...compareTo(place, ...from, "--json"))).stdout);
      const starts = lines.filter(({ type }) => type === "from");
      expect(starts).toEqual(
        ["fp", "bc"].map((quantizer) => expect.objectContaining({ quantizer, file: source, layers: ["conv2d"] })),
      );
      await rm(join(place, "runs"), { recursive: true });
      const { stderr } = await proxbit(...compareTo(place, ...from));
      expect(stderr.match(/start from .*/g)).toEqual([
        expect.stringMatching(/source\.safetensors: 1 of 4 layers; begin anew: /),
      ]);
    }));

  it("varies the course of a training, and tells metrics of the network that a run ends with", () =>
    withFolder(async (place) => {
      const course = ["--optimizer", "sgd", "--momentum", "0.9", "--warmup", "0.1", "--clip-norm", "1"];
      const end = ["--loss", "squared-hinge", "--early-stopping", "1", "--keep", "best", "--metrics", "top2,f1"];
      const varied = compareTo(place, "--quantizers", "fp,bc", "--tasks", "bwa", ...course, ...end);
      const { rows, settings } = await resultOf(...varied);
      expect(settings).toMatchObject({ options: { momentum: 0.9, warmup: 0.1, clipNorm: 1, loss: "squared-hinge" } });
      for (const row of rows as readonly (Row & { readonly metrics: Record<string, { readonly mean: number }> })[]) {
        expect(Object.keys(row.metrics)).toEqual(["top2", "f1"]);
        expect(row.metrics.top2?.mean).toBeGreaterThanOrEqual(row.accuracies[0] as number);
      }
      const again = jsonLines((await proxbit(...varied, "--json")).stdout);
      expect(again.filter(({ type, fromFile }) => type === "run" && fromFile === true)).toHaveLength(2);
      const page = await readFile(join(place, "compare.md"), "utf8");
      expect(page).toContain("options: warmup 0.1, momentum 0.9, clip-norm 1, loss squared-hinge");
      expect(page).toMatch(/\| median seconds of a run \| top2 \| f1 \|/);
      expect((await readFile(join(place, "compare.csv"), "utf8")).split("\n")[0]).toMatch(/,key,top2,f1$/);
    }));

  it("refuses before any run a quantizer that makes all weights 0", () =>
    withFolder(async (place) => {
      const { message, remedy } = await failureOf(...compareTo(place, "--quantizers", "bc,dorefa-activations-1"));
      expect(message).toContain('"dorefa-activations-1" makes all weights');
      expect(remedy).toContain("--quantizer");
      expect(await readdir(place)).toEqual([]);
    }));

  it("names a broken run before it trains anything", () =>
    withFolder(async (place) => {
      await resultOf(...compareTo(place, "--quantizers", "fp", "--epochs", "1"));
      const [name = ""] = await runsIn(place);
      await truncate(join(place, "runs", name), 100);
      const { message, remedy } = await failureOf(...compareTo(place, "--quantizers", "fp", "--epochs", "1"));
      expect(message).toContain(join(place, "runs", name));
      expect(remedy).toContain("Remove the file");
    }));

  it.each([
    ["a directory has the name of the page", ["compare.md"], "compare.md cannot be written: it is a directory"],
    ["a directory has the name of the last file", ["compare.csv"], "compare.csv cannot be written: it is a directory"],
    ["the directory of the runs is a file", [], "cannot be made"],
  ])("trains nothing where %s", (_, directories, says) =>
    withFolder(async (place) => {
      for (const name of directories) await mkdir(join(place, name));
      if (directories.length === 0) await writeFile(join(place, "runs"), "");
      const before = await readdir(place);
      const { message } = await failureOf(...compareTo(place, "--quantizers", "fp", "--epochs", "1"));
      expect(message).toContain(says);
      expect((await readdir(place, { recursive: true })).filter((name) => name !== "runs")).toEqual(
        before.filter((name) => name !== "runs"),
      );
    }),
  );

  it.each([
    [["--quantizers", "bc,bnnn"], "no quantizer is called"],
    [["--baseline", "poly"], "--baseline poly is none of the quantizers"],
    [["--quantizers", "bc,bc"], "--quantizers names bc twice"],
    [["--quantizers", "bc,,poly"], "--quantizers has an empty place"],
    [["--tasks", "bwx"], "no task is called"],
    [["--seeds", "0"], "--seeds must be a whole number from 1"],
    [["--seeds", "1,x"], "--seeds must be a whole number"],
    [["--decay", "steep"], "--decay"],
    [["--schedule", "steep"], "--schedule"],
    [["--optimizer", "adamm"], "no optimizer is called"],
    [["--keep", "3"], "--keep 3 keeps networks beside a model file"],
    [["--accumulator", "wrap"], "--accumulator is for the sums of task bwaa"],
    [["--binary-optimizer", "bop"], 'the quantizer "bnn++" of'],
    [["--batch-size", "300"], "256 images do not fill a batch of 300"],
  ])("refuses %j", async (options, says) => {
    await withFolder(async (place) =>
      expect((await failureOf(...compareTo(place, ...options))).message).toContain(says),
    );
  });

  it("refuses a loss that suits not every network before anything is trained", () =>
    withFolder(async (place) => {
      const teacher = join(place, "teacher.safetensors");
      const operands = ["--quantizer", "none", "--activation-quantizer", "none"];
      const small = ["--model", network, "--limit", "256", "--epochs", "1"];
      await resultOf("train", "--data", "mnist", ...small, ...operands, "--out", teacher);
      const asked = ["--quantizers", "bc,fp", "--teacher", teacher, "--teacher-weights", "200"];
      const { message } = await failureOf(...compareTo(join(place, "out"), ...asked));
      expect(message).toContain("weightDivergence");
      await expect(readdir(join(place, "out", "runs"))).rejects.toThrow("ENOENT");
    }));

  it.each([
    [
      "that one activation quantizer stands for all of ba",
      ["--tasks", "ba", "--activation-quantizer", "poly"],
      "task ba has none",
    ],
    [
      "an activation quantizer where activations stay real",
      ["--tasks", "bw", "--activation-quantizer", "poly"],
      "stay real",
    ],
    ["a seed in two spellings", ["--seeds", "1,01"], "--seeds names 1 twice"],
    [
      "a method that was made for other epochs",
      ["--quantizers", "bc", "--method", "hardening:epochs=5"],
      "made for 5 epochs",
    ],
  ])("refuses %s before anything is trained", (_, asked, message) =>
    withFolder(async (place) => {
      expect((await failureOf(...compareTo(join(place, "out"), ...asked))).message).toContain(message);
      await expect(readdir(join(place, "out", "runs"))).rejects.toThrow("ENOENT");
    }),
  );

  it("says where test images chose the network", async () => {
    const place = join(folder, "best");
    const asked = ["--quantizers", "bc", "--tasks", "bw", "--epochs", "1", "--keep", "best"];
    await resultOf(...compareTo(place, ...asked));
    const page = await readFile(join(place, "compare.md"), "utf8");
    expect(page).toContain("after the best epoch, chosen by these same images");
  });

  it("refuses a module that takes no notice of the quantizers", () =>
    withFolder(async (place) => {
      const deaf = join(place, "deaf.ts");
      await writeFile(deaf, DEAF);
      const { message } = await failureOf(...compareTo(join(place, "out"), "--model", deaf));
      expect(message).toContain("has weightQuantizer bc where it was given none");
    }));
});
