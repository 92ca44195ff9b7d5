/**
 * The two halves of inference: a network of the first half calls only kernels of the small core, and the others bring the
 * second half. Sessions of both halves have the same bits as the trainer (`inference-ops.test.ts`).
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { later } from "../ts/base/later.ts";
import { compile } from "../ts/inference/compile.ts";
import { bringHalves, isOfFirstHalf } from "../ts/inference/halves.ts";
import { load } from "../ts/inference/index.ts";
import { firstOps } from "../ts/inference/ops/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import type { QuantizerChoice } from "../ts/nn/fields.ts";
import { type Graph, layers, model, sequential, taskQuantizers } from "../ts/nn/index.ts";
import { opNames } from "../ts/nn/ops/index.ts";
import { quantizers } from "../ts/quantizers/registry.ts";
import { scheduleRange, schedules, toSchedule } from "../ts/quantizers/schedule.ts";
import type { BinaryKernel } from "../ts/runtime/probe.ts";
import { blankFile } from "./blank-models.ts";
import { opExamples } from "./op-examples.ts";

const fileOf = (core: string): URL => new URL(`../ts/wasm/${core}/proxbit_wasm_bg.wasm`, import.meta.url);

let kernels: ReadonlySet<string>;
beforeAll(async () => {
  const core = new WebAssembly.Module(await readFile(fileOf("small-plain")));
  kernels = new Set(WebAssembly.Module.exports(core).map(({ name }) => name));
});

/** The kernels that sessions of `graph` call and the small core lacks. */
async function lackingOf(graph: Graph): Promise<readonly string[]> {
  await bringHalves(graph);
  const called = (["lookup", "popcnt8"] satisfies BinaryKernel[]).flatMap((kernel) => {
    const { setup, program } = compile(decodeModel(blankFile(graph)), {
      kernel,
      hasCodewords: false,
      images: 1,
      parts: 1,
    });
    return [...setup, ...program.flat(2)].map((call) => call.kernel as string);
  });
  return [...new Set(called)].filter((kernel) => !kernels.has(kernel));
}

describe("the first half", () => {
  test.each(opNames)("with %s calls no kernel that the small core lacks", async (name) => {
    const graph = opExamples[name]();
    const lacking = await lackingOf(graph);
    if (isOfFirstHalf(graph)) expect(lacking).toEqual([]);
    // An operation of the first half is left to the second for its products or maps alone.
    else expect(name in firstOps ? ["activation", "conv2d", "dense"] : [name]).toContain(name);
  });

  test.each(["mlp", "cnn", "small", "resnet20", "fashion"])("runs %s of bits", async (name) => {
    for (const quantizer of ["bnn", "xnor"]) {
      const graph = model(name, taskQuantizers("bwa", quantizer));
      expect(isOfFirstHalf(graph)).toBe(true);
      expect(await lackingOf(graph)).toEqual([]);
    }
  });

  test.each([
    ["sums in 8 bits", () => model("small", taskQuantizers("bwaa", "bnn"))],
    ["real weights with bits", () => model("small", taskQuantizers("ba", "bnn"))],
    [
      "levels",
      () => model("small", taskQuantizers("bwa", "dorefa-weights-2", { activationQuantizer: "dorefa-activations-2" })),
    ],
    ["groups", () => sequential({ inputShape: [4, 4, 4] }, [layers.conv2d({ filters: 4, kernelSize: 3, groups: 2 })])],
    [
      "tanh",
      () => sequential({ inputShape: [4] }, [layers.dense({ units: 3 }), layers.activation({ activation: "tanh" })]),
    ],
  ] satisfies [string, () => Graph][])("leaves %s to the second", async (_, make) => {
    const graph = make();
    expect(isOfFirstHalf(graph)).toBe(false);
    const source = fileOf("small-plain");
    await expect(load(blankFile(graph), { variant: "plain", source })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/core without \w+, which the network takes/),
      remedy: expect.stringContaining("inference-"),
    });
  });
});

test("sessions take a core that has the kernel they are given", async () => {
  const file = blankFile(model("small", taskQuantizers("bwa", "bnn")));
  const image = new Float32Array(28 * 28).fill(0.5);
  const results = ["lookup", "popcnt8", "popcnt64"].map(async (kernel) =>
    (await load(file, { kernel: kernel as BinaryKernel })).run(image),
  );
  const [lookup, ...others] = await Promise.all(results);
  expect(others).toEqual([lookup, lookup]);
});

test("a script that cannot be loaded is named, and the next call asks for it again", async () => {
  const cause = new TypeError("Failed to fetch dynamically imported module: https://a.test/other-half.js");
  await expect(later(() => Promise.reject(cause))).rejects.toMatchObject({
    code: "environment",
    message: expect.stringContaining("https://a.test/other-half.js"),
    remedy: expect.stringContaining("proxbit/inference/inline"),
    cause,
  });
  await expect(later(async () => ({ half: 2 }))).resolves.toEqual({ half: 2 });
});

/** The answer of a process that has loaded inference alone, of which this one has all. */
async function alone(source: string, ...given: readonly unknown[]): Promise<unknown> {
  const program = `${source}; console.log(JSON.stringify(await answer(...JSON.parse(process.argv[1]))));`;
  const options = ["--input-type=module-typescript", "--eval", program, JSON.stringify(given)];
  const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: join(import.meta.dirname, "..") });
  return JSON.parse(stdout);
}

test("a page that has loaded inference alone brings what its files take, two at once as well", async () => {
  const dense = (quantizer: QuantizerChoice): Graph =>
    sequential({ inputShape: [4] }, [layers.dense({ units: 3, ...taskQuantizers("bwa", quantizer) })]);
  const graphs = {
    plain: dense("bnn++"),
    scheduled: dense(quantizers.bnnPlusPlus({ beta: schedules.cosine(2, 1) })),
    other: opExamples.layerNorm(),
    another: opExamples.attention(),
  };
  const files = Object.values(graphs).map((graph) => Buffer.from(blankFile(graph)).toString("base64"));
  const source = `
    import { load } from "./ts/inference/index.ts";
    import { isKnownOp } from "./ts/nn/ops/index.ts";
    import { isKnownSchedule } from "./ts/quantizers/known-schedules.ts";
    const answer = async (...files) => {
      const names = [];
      for (const some of [files.slice(0, 1), files.slice(1, 2), files.slice(2)]) {
        const sessions = await Promise.all(some.map((file) => load(Buffer.from(file, "base64"))));
        names.push([...sessions.map(({ graph }) => graph), isKnownOp("attention"), isKnownSchedule({ kind: "step" })]);
      }
      return names;
    }`;
  const { plain, scheduled: other, ...last } = graphs;
  expect(await alone(source, ...files)).toEqual([
    [plain, false, false],
    [other, true, true],
    [...Object.values(last), true, true],
  ]);
});

test("the schedules that are known from the start are those that the whole check lets pass, unchanged", async () => {
  const numbers = [0, -1, 2.5, 1e18, 1e19, 1e-18, 1e-19, "1", null];
  const given = [
    ...numbers.map((value) => ({ kind: "constant", value })),
    ...numbers.flatMap((from) => ["linear", "logLinear", "cosine"].map((kind) => ({ kind, from, to: 3 }))),
    ...[{ kind: "linear", from: 1 }, { kind: "constant", value: 1, of: 2 }, { kind: "toString", from: 1 }, { from: 1 }],
    ...[null, 1, [], "linear", { kind: ["linear"], from: 1, to: 2 }],
  ];
  const source = `
    import { isKnownSchedule, scheduleRange, toSchedule } from "./ts/quantizers/known-schedules.ts";
    const told = (schedule) => [schedule, scheduleRange(schedule)];
    const answer = (given) => given.map((value) => (isKnownSchedule(value) ? told(toSchedule(value)) : null));`;
  const whole = given.map((value) => {
    try {
      const schedule = toSchedule(value, "beta", { code: "graph", what: "a layer" });
      return ["constant", "linear", "logLinear"].includes(schedule.kind) && value !== 1
        ? [schedule, scheduleRange(schedule)]
        : null;
    } catch {
      return null;
    }
  });
  expect(whole.filter((one) => one !== null).length).toBeGreaterThan(12);
  expect(await alone(source, given)).toEqual(whole);
});

test("schedules that are known from the start hold 0 for -0, as the whole check's do", async () => {
  const source = `
    import { toSchedule } from "./ts/quantizers/known-schedules.ts";
    const answer = (given) => given.map((value) => Object.is(toSchedule({ kind: "linear", from: -value, to: 1 }).from, 0));`;
  expect(await alone(source, [0])).toEqual([true]);
});
