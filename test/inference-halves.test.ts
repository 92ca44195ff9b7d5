/**
 * The two halves of inference: a network of the first half calls only kernels of the small core, and the others bring the
 * second half. Sessions of both halves have the same bits as the trainer (`inference-ops.test.ts`).
 */
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { later } from "../ts/base/later.ts";
import { compile } from "../ts/inference/compile.ts";
import { bringHalves, isOfFirstHalf } from "../ts/inference/halves.ts";
import { load } from "../ts/inference/index.ts";
import { firstOps } from "../ts/inference/ops/index.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { type Graph, layers, model, sequential, taskQuantizers } from "../ts/nn/index.ts";
import { opNames } from "../ts/nn/ops/index.ts";
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
    const { setup, program } = compile(decodeModel(blankFile(graph)), { kernel, images: 1, parts: 1 });
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
