/** Losses, teachers, early stopping, metrics, frozen and taken layers on the command line. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addLossOptions, type LossOptions, objectiveFrom } from "../ts/cli/losses.ts";
import { addOptimizerOptions, type OptimizerOptions, optimizerFrom } from "../ts/cli/optimizer.ts";
import { type StartOf, startLine } from "../ts/cli/start.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { failureOf, jsonLines, proxbit, resultOf } from "./cli-helpers.ts";

const optionsOf = (...args: readonly string[]): LossOptions =>
  addLossOptions(new Command("train").exitOverride()).parse(args, { from: "user" }).opts<LossOptions>();

const termsOf = (...args: readonly string[]) =>
  objectiveFrom(optionsOf(...args))?.map(({ name, facts }) => [name, facts?.factor]);

const optimizerOf = (...args: readonly string[]) =>
  optimizerFrom(
    addOptimizerOptions(new Command("train").exitOverride()).parse(args, { from: "user" }).opts<OptimizerOptions>(),
  );

describe("losses on the command line", () => {
  it("refuse label smoothing beside one that does not read it", () => {
    const smoothed = (loss: string) => () => objectiveFrom({ ...optionsOf("--loss", loss), labelSmoothing: 0.1 });
    for (const loss of ["hinge", "squared-hinge", "squared-error", "absolute-error", "huber"]) {
      expect(smoothed(loss)).toThrow(`--label-smoothing is for cross-entropies, and --loss is ${loss}`);
    }
    for (const loss of ["cross-entropy", "binary-cross-entropy"]) expect(smoothed(loss)).not.toThrow();
  });

  it.each([
    [[], undefined],
    [["--loss", "squared-hinge"], [["squaredHinge", 1]]],
    [
      ["--l2", "1e-4", "--l1", "1e-5"],
      [
        ["crossEntropy", 1],
        ["l1", 1e-5],
        ["l2", 1e-4],
      ],
    ],
    [["--class-weights", "1,2,0.5"], [["crossEntropy", 1]]],
    [
      ["--teacher", "big.safetensors", "--teacher-share", "0.75"],
      [
        ["crossEntropy", 0.25],
        ["distillation", 0.75],
      ],
    ],
  ])("%j", (args, wanted) => {
    expect(termsOf(...args)).toEqual(wanted);
  });

  it.each([
    [["--loss", "squared-hing"], /"squared-hing"/],
    [["--temperature", "2"], /--teacher/],
    [["--teacher-weights", "200"], /--teacher-weights is for a --teacher/],
    [["--teacher", "big.safetensors", "--teacher-weights", "-1"], /--teacher-weights/],
    [["--class-weights", "1,,2"], /--class-weights/],
    [["--class-weights", "1,x"], /not "x"/],
    [["--class-weights", "0,0"], /are all 0/],
    [["--metrics", "top0"], /top0/],
    [["--freeze", "a,,b"], /--freeze/],
    [["--l1", "-1"], /--l1/],
  ])("refuses %j", (args, message) => {
    expect(() => termsOf(...args)).toThrow(message);
  });
});

describe("optimizers on the command line", () => {
  it.each([
    [["--optimizer", "lion", "--weight-decay", "0.1"], optimizers.lion({ weightDecay: 0.1 })],
    [["--optimizer", "rmsprop", "--momentum", "0.9"], optimizers.rmsprop({ momentum: 0.9 })],
    [["--clip-norm", "1"], optimizers.adam({ clipNorm: 1 })],
    [["--optimizer", "sgd", "--clip-value", "0.5"], optimizers.sgd({ clipValue: 0.5 })],
    [
      ["--optimizer", "sgd", "--weight-decay", "0.1", "--decay-except", "bias, gamma"],
      optimizers.sgd({ weightDecay: 0.1, noDecay: ["bias", "gamma"] }),
    ],
  ])("%j", (args, wanted) => {
    expect(optimizerOf(...args)).toEqual(wanted);
  });

  it.each([
    [["--clip-norm", "1", "--clip-value", "1"], /--clip-value/],
    [["--optimizer", "lion", "--momentum", "0.9"], /momentum/],
    [["--decay-except", "bias"], /decay-except/],
  ])("refuses %j", (args, message) => {
    expect(() => optimizerOf(...args)).toThrow(message);
  });
});

const NETWORK = `
import { layers, sequential } from "proxbit";

export default ({ inputShape, classes, weightQuantizer }) =>
  sequential({ inputShape }, [
    layers.flatten(),
    layers.dense({ units: 20, weightQuantizer, name: "first" }),
    layers.dense({ units: classes }),
  ]);
`;

describe("a training", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "proxbit-losses-"));
    await writeFile(join(folder, "network.mjs"), NETWORK);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const out = (name: string): string => join(folder, `${name}.safetensors`);
  const command = (name: string, ...more: readonly string[]): readonly string[] => [
    ...["train", "--data", "mnist", "--limit", "128", "--model", join(folder, "network.mjs")],
    ...["--epochs", "2", "--batch-size", "32", "--workers", "1", "--out", out(name), ...more],
  ];

  it("takes another loss, tells metrics, and is a teacher of answers and weights then", async () => {
    const words = ["--quantizer", "none", "--loss", "squared-hinge", "--metrics", "top5,f1"];
    const teacher = await resultOf(...command("teacher", ...words));
    expect(Object.keys(teacher.testMetrics as object)).toEqual(["top5", "f1"]);
    const taught = [...["--teacher", out("teacher"), "--teacher-weights", "200"], "--method", "bd-bnn"];
    const { stdout } = await proxbit(...command("taught", ...taught, "--early-stopping", "1", "--json"));
    const steps = jsonLines(stdout).filter(({ type }) => type === "step");
    const { terms } = steps[0] as { readonly terms: Readonly<Record<string, number>> };
    expect(Object.keys(terms)).toEqual(["crossEntropy", "distillation", "weightDivergence", "bd-bnn"]);
    const bytes = await readFile(out("teacher"));
    const objective = objectiveFrom(optionsOf("--teacher", "it", "--teacher-weights", "3"), bytes);
    const { parameters } = decodeModel(bytes);
    const wanted = losses.weightDivergence({ factor: 3, teacher: parameters as ReadonlyMap<string, Float32Array> });
    expect(objective?.[2]?.facts).toEqual(wanted.facts);
  });

  it("refuses a teacher without real weights, in words of the command line", async () => {
    const model = sequential({ inputShape: [28, 28, 1] }, [layers.flatten(), layers.dense({ units: 10 })]);
    const trainer = await Trainer.create(model, { workers: 1 });
    await writeFile(out("other"), await trainer.pack());
    trainer.close();
    const words = ["--teacher", out("other"), "--teacher-weights", "200"];
    const { code, stderr } = await proxbit(...command("never", ...words));
    expect(code).toBe(2);
    expect(stderr).toMatch(/needs 15680 weights of the teacher for "first\/kernel", and has 0\n.*--quantizer none/);
    const broken = () => objectiveFrom(optionsOf("--teacher", "it", "--teacher-weights", "3"), Uint8Array.of(1));
    expect(broken).toThrow(/^it: /);
  });

  it("takes layers of another file, and leaves them alone", async () => {
    const model = sequential({ inputShape: [28, 28, 1] }, [
      layers.flatten(),
      layers.dense({ units: 20, weightQuantizer: "bc", name: "first" }),
      layers.dense({ units: 5 }),
    ]);
    const trainer = await Trainer.create(model, { workers: 1 });
    await writeFile(out("source"), await trainer.pack());
    trainer.close();
    const taken = ["--from", out("source"), "--from-layers", "first", "--freeze", "first", "--quantizer", "bc"];
    await resultOf(...command("taken", ...taken));
    const [source, found] = [await readFile(out("source")), await readFile(out("taken"))].map((bytes) =>
      decodeModel(bytes).parameters.get("first/kernel"),
    );
    expect(found).toEqual(source);
  });

  it("tells how many layers start from the file, and which begin anew", () => {
    const graph = sequential({ inputShape: [4] }, [
      ...Array.from({ length: 9 }, (_, i) => layers.dense({ units: 4, name: `own${i}` })),
      layers.hardTanh({ name: "bend" }),
    ]);
    const line = (taken: readonly string[], asked: StartOf["layers"]) =>
      startLine({ file: "a.st", bytes: new Uint8Array(), rescale: false, layers: asked }, taken, graph);
    const all = Array.from({ length: 9 }, (_, i) => `own${i}`);
    expect(line(all, undefined)).toBe("");
    expect(line(all, "shared")).toBe("start from a.st: 9 of 9 layers\n");
    expect(line(["own0", "own2"], ["own0", "own2"])).toBe(
      "start from a.st: 2 of 9 layers; begin anew: own1, own3, own4, own5, own6, own7 and 1 more\n",
    );
  });

  it("says in its own words what does not go together", async () => {
    expect((await failureOf(...command("never", "--from-layers", "a"))).message).toContain("--from");
    expect((await failureOf(...command("never", "--freeze", "nothing"))).message).toContain('"nothing"');
  });
});
