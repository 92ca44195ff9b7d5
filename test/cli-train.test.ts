/**
 * `proxbit train` and its options: optimizers, courses of the step size, augmentation, flips and the soft accuracy. A
 * run may start from a float network. Options that do not go together are refused.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addOptimizerOptions,
  augmentation,
  type OptimizerOptions,
  optimizerFrom,
  quantizerFor,
} from "../ts/cli/optimizer.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { schedules } from "../ts/quantizers/index.ts";
import { caseOptimizer, type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { failureOf, jsonLines, proxbit, resultOf } from "./cli-helpers.ts";

const parsed = (...args: readonly string[]): OptimizerOptions =>
  addOptimizerOptions(new Command("train").exitOverride()).parse(args, { from: "user" }).opts<OptimizerOptions>();
const optimizerOf = (...args: readonly string[]): Optimizer => optimizerFrom(parsed(...args));

describe("optimizers on the command line", () => {
  it.each([
    ["nothing", [], optimizers.adam()],
    [
      "sgd",
      ["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--weight-decay", "1e-4"],
      optimizers.sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
    ],
    ["adamw", ["--optimizer", "adamw", "--weight-decay", "0.05"], optimizers.adamw({ weightDecay: 0.05 })],
    [
      "rmsprop",
      ["--optimizer", "rmsprop", "--momentum", "0.8", "--weight-decay", "1e-3"],
      optimizers.rmsprop({ momentum: 0.8, weightDecay: 1e-3 }),
    ],
    [
      "adamw, which lets latent weights decay less",
      ["--optimizer", "adamw"],
      caseOptimizer({ binary: optimizers.adamw({ weightDecay: 1e-4 }), rest: optimizers.adamw() }),
    ],
    [
      "cosine",
      ["--learning-rate", "0.01", "--schedule", "cosine"],
      optimizers.adam({ learningRate: schedules.cosine(0.01, 0) }),
    ],
    ["linear", ["--schedule", "linear"], optimizers.adam({ learningRate: schedules.linear(1e-3, 0) })],
    [
      "usual steps",
      ["--schedule", "step"],
      optimizers.adam({ learningRate: schedules.step(1e-3, 0.1, [0.4, 0.6, 0.75]) }),
    ],
    [
      "steps and warm-up",
      ["--schedule", "step", "--step-at", "0.5,0.8", "--step-factor", "0.2", "--warmup", "0.1"],
      optimizers.adam({ learningRate: schedules.warmup(0.1, schedules.step(1e-3, 0.2, [0.5, 0.8])) }),
    ],
    [
      "bop",
      ["--binary-optimizer", "bop", "--bop-gamma", "1e-3", "--bop-threshold", "1e-7", "--learning-rate", "0.01"],
      caseOptimizer({
        binary: optimizers.bop({ gamma: 1e-3, threshold: 1e-7 }),
        rest: optimizers.adam({ learningRate: 0.01 }),
      }),
    ],
    [
      "bop2",
      [
        "--binary-optimizer",
        "bop2",
        "--bop-unbiased",
        "--bop-sigma",
        "0.01",
        "--optimizer",
        "sgd",
        "--momentum",
        "0.5",
      ],
      caseOptimizer({
        binary: optimizers.bop2({ unbiased: true, sigma: 0.01 }),
        rest: optimizers.sgd({ momentum: 0.5 }),
      }),
    ],
    [
      "another for the binary weights",
      ["--binary-optimizer", "sgd", "--binary-learning-rate", "0.5", "--schedule", "cosine"],
      caseOptimizer({
        binary: optimizers.sgd({ learningRate: schedules.cosine(0.5, 0) }),
        rest: optimizers.adam({ learningRate: schedules.cosine(1e-3, 0) }),
      }),
    ],
  ] as const)("%s", (_title, args, wanted) => {
    expect(optimizerOf(...args)).toEqual(wanted);
  });

  it.each([
    [["--optimizer", "adma"], "unknown-name", "adma"],
    [["--binary-optimizer", "bup"], "unknown-name", "bup"],
    [["--optimizer", "bop"], "argument", "bop flips binary weights"],
    [["--optimizer", "qpsbgd"], "argument", "qpsbgd is a method"],
    [["--binary-optimizer", "qpsbgd"], "argument", "qpsbgd is a method"],
    [["--momentum", "0.9"], "argument", "momentum"],
    [["--weight-decay", "0.1"], "argument", "weight-decay"],
    [["--nesterov"], "argument", "nesterov"],
    [["--step-at", "0.5"], "argument", "--step-at"],
    [["--step-factor", "0.5"], "argument", "--step-factor"],
    [["--bop-gamma", "0.1"], "argument", "--bop-gamma"],
    [["--binary-optimizer", "bop", "--bop-sigma", "0.1"], "argument", "--bop-sigma"],
    [["--binary-optimizer", "sgd", "--bop-unbiased"], "argument", "--bop-unbiased"],
    [["--binary-learning-rate", "0.1"], "argument", "--binary-learning-rate"],
    [["--binary-optimizer", "bop", "--binary-learning-rate", "0.1"], "argument", "--binary-learning-rate"],
    [["--schedule", "step", "--step-at", "0.8,0.5"], "argument", "ascending"],
    [["--schedule", "step", "--step-at", "0.5,,1"], "argument", "--step-at"],
    [["--schedule", "cosinus"], "argument", "--schedule"],
    [["--warmup", "1"], "argument", "--warmup"],
    [["--bop-gamma", "0"], "argument", "--bop-gamma"],
    [["--restart-at", "0"], "argument", "--restart-at 0"],
    [["--schedule", "step", "--step-at", "a"], "argument", 'not "a"'],
    [["--binary-optimizer", "adam", "--momentum", "0.9"], "argument", "--optimizer adam has no momentum"],
    [["--binary-optimizer", "adam", "--nesterov"], "argument", "nesterov"],
    [["--binary-optimizer", "adam", "--weight-decay", "0.1"], "argument", "weight-decay"],
    [["--binary-optimizer", "adam", "--decay-except", "nosuch"], "argument", "decay-except"],
    [["--binary-optimizer", "bop", "--momentum", "0.9"], "argument", "has no momentum, nor has bop"],
    [["--binary-optimizer", "sdg", "--momentum", "0.9"], "unknown-name", "sdg"],
  ] as const)("refuses %j", (args, code, named) => {
    expect(() => optimizerOf(...args)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(named) }),
    );
  });

  it("names the method in the place of an optimizer, with its rate", () => {
    expect(() => optimizerOf("--binary-optimizer", "qp-sbgd", "--binary-learning-rate", "0.1")).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining("--method qp-sbgd:learning-rate=0.1,") }),
    );
  });

  const names = ["sgd", "adam", "adamw"] as const;
  const pairs = names.flatMap((rest) => [...names, "bop", "bop2"].map((binary) => [rest, binary] as const));
  /** The step size, weight decay and momentum of an optimizer that was named with `more` flags. */
  const numbersOf = (optimizer: Optimizer | undefined) => {
    if (optimizer?.kind !== "sgd" && optimizer?.kind !== "adam") return optimizer?.kind;
    const { learningRate, weightDecay } = optimizer;
    return { learningRate, weightDecay, momentum: optimizer.kind === "sgd" ? optimizer.momentum : undefined };
  };

  /** The flags that are given, in every combination: undefined stands for a flag that is left out. */
  const everyCombination = [undefined, 0.03].flatMap((first) =>
    [undefined, 0.7].flatMap((second) =>
      [undefined, 0.2].flatMap((decay) =>
        [undefined, 0.9].flatMap((momentum) =>
          (["constant", "cosine"] as const).map((course) => ({ first, second, decay, momentum, course })),
        ),
      ),
    ),
  );

  it.each(pairs)("%s beside %s gets each number that was meant for it, in every combination", (rest, binary) => {
    const flips = binary === "bop" || binary === "bop2";
    const usual = { sgd: [0.01, 0, 0], adam: [1e-3, 0], adamw: [1e-3, 4e-3] } as const;
    for (const { first, second, decay, momentum, course } of everyCombination) {
      const flags = Object.entries({ "learning-rate": first, "weight-decay": decay, momentum, schedule: course });
      const all = [...flags, ["optimizer", rest], ["binary-optimizer", binary], ["binary-learning-rate", second]];
      const args = all.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, String(value)]));
      if (flips && second !== undefined) {
        expect(() => optimizerOf(...args)).toThrow();
        continue;
      }
      const takes = (...takers: readonly string[]): boolean => takers.includes(rest) || takers.includes(binary);
      if ((decay !== undefined && !takes("sgd", "adamw")) || (momentum !== undefined && !takes("sgd"))) {
        expect(() => optimizerOf(...args)).toThrow("has no");
        continue;
      }
      const wanted = (name: (typeof names)[number], rate: number | undefined, usualDecay: number) => ({
        learningRate: schedules[course](rate ?? usual[name][0], 0),
        weightDecay: name === "adam" ? 0 : (decay ?? usualDecay),
        momentum: name === "sgd" ? (momentum ?? 0) : undefined,
      });
      const made = optimizerOf(...args);
      const found = made.kind === "case" ? [numbersOf(made.rest), numbersOf(made.binary)] : ["no case"];
      const own = second ?? (binary === rest ? first : undefined);
      // AdamW's usual decay would flip latent weights.
      const beside = flips ? binary : wanted(binary as "sgd", own, binary === "adamw" ? 1e-4 : 0);
      expect(found, args.join(" ")).toEqual([wanted(rest, first, usual[rest][1]), beside]);
    }
  });

  it("takes the plain sign for Bop's weights where no quantizer is named", () => {
    expect(quantizerFor(parsed("--binary-optimizer", "bop"))).toMatchObject({ quantizer: "bc" });
    expect(quantizerFor({ ...parsed("--binary-optimizer", "bop2"), quantizer: "bnn" })).toMatchObject({
      quantizer: "bnn",
    });
    expect(quantizerFor(parsed("--binary-optimizer", "sgd"))).not.toHaveProperty("quantizer");
  });
});

describe("augmentation on the command line", () => {
  it.each([
    ["mirror", { mirror: true }],
    ["shift:2", { shift: 2 }],
    ["mirror,shift:3", { mirror: true, shift: 3 }],
  ])("%s", (text, wanted) => {
    expect(augmentation(text)).toEqual(wanted);
  });
  it.each(["", "shift", "mirror:1", "shift:1.5", "shift:200", "shift:1:2", "turn", "mirror,"])("refuses %j", (text) => {
    expect(() => augmentation(text)).toThrow(expect.objectContaining({ code: "argument" }));
  });
});

/** Small enough for a test; behind a weight quantizer that is soft for 9 in 10 of a run. */
const NETWORK = `
import { layers, sequential } from "proxbit";

export default ({ inputShape, classes, weightQuantizer, activationQuantizer }) =>
  sequential({ inputShape, name: "small" }, [
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 3 }),
    layers.batchNorm(),
    layers.binaryConv2d({ filters: 8, kernelSize: 3, weightQuantizer, activationQuantizer }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: classes }),
  ]);
`;

describe("train", () => {
  let folder = "";
  let network = "";
  const out = (name: string): string => join(folder, `${name}.safetensors`);
  const command = (name: string, ...more: readonly string[]): readonly string[] => {
    const data = ["train", "--data", "mnist", "--limit", "128", "--model", network, "--out", out(name)];
    return [...data, "--epochs", "2", "--batch-size", "32", "--workers", "1", ...more];
  };
  /** Soft through the first of two epochs. */
  const late = ["--quantizer", "bnn++:hardenAt=0.9"];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "proxbit-train-"));
    network = join(folder, "network.mjs");
    await writeFile(network, NETWORK);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("shows people the soft accuracy beside the hard one, labelled, and flips by layer", async () => {
    const { code, stdout, stderr } = await proxbit(...command("shown", ...late, "--flip-ratio"));
    expect(code).toBe(0);
    const shown = /^epoch 1\/2 .* test accuracy [\d.]+ % hard-signed, soft [\d.]+ % {2}flips [\d.]+ % a step/m;
    expect(stderr).toMatch(shown);
    expect(stderr).toMatch(/^epoch 2\/2 .* test accuracy [\d.]+ % {2}flips/m);
    expect(stdout).toMatch(/^test accuracy +[\d.]+ % of 128 images, weights and activations hard-signed$/m);
    expect(stdout).toMatch(
      /^soft accuracy +[\d.]+ % \(after epoch 1, .*hard-signed then [\d.]+ %\); not what is packed$/m,
    );
    expect(stdout).toMatch(/^flips a step +[\d.]+ % .*: binary_conv2d [\d.]+ %$/m);
  });

  it("tells programs the same, and nothing of either where it was not asked", async () => {
    const { stdout } = await proxbit(...command("told", ...late, "--flip-ratio", "--json"));
    const lines = jsonLines(stdout);
    const [first, second] = lines.filter(({ type }) => type === "epoch") as { validation: { soft?: object } }[];
    expect(first?.validation.soft).toEqual({ loss: expect.any(Number), accuracy: expect.any(Number) });
    expect(second?.validation).not.toHaveProperty("soft");
    expect(lines.at(-1)).toMatchObject({
      soft: { epoch: 1, softAccuracy: expect.any(Number), hardAccuracy: expect.any(Number) },
      flipRatio: { total: expect.any(Number), layers: { binary_conv2d: expect.any(Number) } },
    });
    const plain = await resultOf(...command("plain", ...late, "--no-soft"));
    expect(plain).toMatchObject({ soft: null });
    expect(plain).not.toHaveProperty("flipRatio");
    expect(await readFile(out("plain"))).toEqual(await readFile(out("told")));
  });

  it("trains by Bop, with augmentation and a course of the step size", async () => {
    const bop = ["--binary-optimizer", "bop", "--bop-gamma", "0.01", "--learning-rate", "0.01", "--schedule", "cosine"];
    const result = await resultOf(...command("bop", ...bop, "--augment", "shift:2", "--flip-ratio"));
    expect(result).toMatchObject({ quantizer: "bc", soft: null });
    expect((result.flipRatio as { total: number }).total).toBeGreaterThan(0);
  });

  it("starts from a float network, and says what is wrong with another file", async () => {
    await resultOf(...command("float", "--quantizer", "none", "--activation-quantizer", "none"));
    const tuned = await resultOf(...command("tuned", "--from", out("float"), "--rescale"));
    const untuned = await resultOf(...command("untuned"));
    expect(tuned.testLoss).not.toBe(untuned.testLoss);
    const { metadata } = decodeModel(await readFile(out("tuned")));
    expect(metadata).toMatchObject({
      startedFrom: "a float network, the weights of each filter rescaled",
      augment: "{}",
    });
    const missing = await failureOf(...command("never", "--from", join(folder, "nothing.safetensors")));
    expect(missing.message).toContain("there is no such file");
    expect((await failureOf(...command("never", "--rescale"))).message).toContain("--from");
    await expect(readFile(out("never"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("says where there is nothing for Bop to train", async () => {
    const bop = ["--binary-optimizer", "bop"];
    const real = await failureOf(...command("never", ...bop, "--quantizer", "none"));
    expect(real.message).toContain('"small" has no binary weights for --binary-optimizer bop');
    expect((await failureOf(...command("never", ...bop, "--task", "ba"))).message).toBe(real.message);
  });

  it("says which quantizer Bop wants", async () => {
    const { code, stderr } = await proxbit(...command("never", "--binary-optimizer", "bop", "--quantizer", "bnn++"));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/bop has no latent weights.*"bnn\+\+"/),
    });
  });
});
