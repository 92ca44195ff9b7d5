/** A check as a library: what it refuses, how checks share one tfjs, and what it leaves behind. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { distinctModelNames, type Graph, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { quantizer } from "../ts/quantizers/registry.ts";
import { type CheckRequest, check } from "../ts/reference/index.ts";
import { momentOf } from "../ts/reference/maps.ts";
import { nearWeights } from "../ts/reference/quantized-weights.ts";
import { randomParameters, randomSplit } from "../ts/reference/random.ts";
import { createReferenceTrainer } from "../ts/reference/trainer.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { networksOf } from "./reference-suite.ts";

const convolutions: Graph = sequential({ inputShape: [6, 6, 2] }, [
  layers.conv2d({ filters: 4, kernelSize: 3, useBias: false }),
  layers.batchNorm(),
  layers.binaryConv2d({ filters: 4, kernelSize: 3 }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 3 }),
]);
const request = { backend: "cpu", subjects: [{ kind: "graph", graph: convolutions }], batchSize: 2, steps: 3 } as const;

beforeAll(() => tf.setBackend("cpu"));

describe("a check", () => {
  it.each([
    ["no request", undefined, "argument"],
    ["an unknown option", { backend: "cpu", batch: 3 }, "argument"],
    ["an unknown backend", { backend: "gpu" }, "argument"],
    ["no subjects", { backend: "cpu", subjects: [] }, "argument"],
    ["a subject that is nothing", { backend: "cpu", subjects: [null] }, "argument"],
    ["a subject of an unknown kind", { backend: "cpu", subjects: [{ kind: "layer" }] }, "argument"],
    ["a subject with another's key", { backend: "cpu", subjects: [{ kind: "operations", name: "mlp" }] }, "argument"],
    ["an unknown model", { backend: "cpu", subjects: [{ kind: "model", name: "resnet21" }] }, "unknown-name"],
    ["a graph that is none", { backend: "cpu", subjects: [{ kind: "graph", graph: {} }] }, "graph"],
    [
      "bytes that are no model",
      { backend: "cpu", subjects: [{ kind: "file", bytes: new Uint8Array(9) }] },
      "model-file",
    ],
    ["a progress beyond the run", { backend: "cpu", progress: [1.5] }, "argument"],
    ["a batch of one", { backend: "cpu", batchSize: 1 }, "argument"],
    [
      "more pixels than memory",
      { backend: "cpu", subjects: [{ kind: "model", name: "birealnet18", inputShape: [224, 224, 3] }], steps: 1000 },
      "argument",
    ],
  ])("refuses %s before it starts anything", async (_, given, code) => {
    await expect(check(given as unknown as CheckRequest)).rejects.toMatchObject({ code, remedy: expect.any(String) });
  });

  it("refuses a network with one class and one that takes vectors, and unknown options", async () => {
    const one = sequential({ inputShape: [4, 4, 1] }, [layers.flatten(), layers.dense({ units: 1 })]);
    const vectors = sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]);
    for (const graph of [one, vectors]) {
      const subjects = [{ kind: "graph", graph }] as const;
      await expect(check({ backend: "cpu", subjects })).rejects.toMatchObject({ code: "shape" });
    }
    await expect(check(request, { sginal: undefined } as never)).rejects.toMatchObject({ code: "argument" });
  });

  it("stops by its signal, beforehand and on the way", async () => {
    const events: string[] = [];
    const options = { tf, signal: AbortSignal.abort(), onEvent: ({ type }: { type: string }) => events.push(type) };
    await expect(check(request, options)).rejects.toMatchObject({ code: "aborted" });
    expect(events).toEqual([]);
    const controller = new AbortController();
    const stopping = check(request, { tf, signal: controller.signal, onEvent: () => controller.abort() });
    await expect(stopping).rejects.toMatchObject({ code: "aborted" });
  });

  it("waits for another, so that each is on the backend it names, and puts the caller's back", async () => {
    const [onWasm, onCpu] = await Promise.all([check({ ...request, backend: "wasm" }, { tf }), check(request, { tf })]);
    expect(onWasm).toMatchObject({ backend: "wasm", adapter: { name: "WebAssembly SIMD" }, pass: true });
    expect(onWasm.unsupported).toHaveLength(1);
    expect(onCpu).toMatchObject({ backend: "cpu", adapter: { name: "JavaScript" }, pass: true, unsupported: [] });
    expect(tf.getBackend()).toBe("cpu");
  });

  it.each(["cpu", "wasm"] as const)("leaves no tensor behind on %s", async (backend) => {
    await check({ ...request, backend }, { tf });
    const before = tf.memory().numTensors;
    await check({ ...request, backend }, { tf });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("takes networks whose output is flattened, and whose values are flattened twice", async () => {
    const flattened = sequential({ inputShape: [3, 3, 2] }, [
      layers.conv2d({ filters: 4, kernelSize: 3, name: "conv" }),
      layers.flatten(),
      layers.flatten(),
    ]);
    const report = await check({ ...request, subjects: [{ kind: "graph", graph: flattened }] }, { tf });
    expect(report.rows.filter(({ verdict }) => verdict === "mismatch")).toEqual([]);
    expect(report.rows.map(({ quantity }) => quantity)).toContain("packed logits");
  });
});

describe("training on tfjs", () => {
  it.each([
    ["sgd without momentum", optimizers.sgd({ learningRate: 0.05 })],
    ["adam", optimizers.adam({ learningRate: 0.01 })],
  ])("lowers the loss with %s, and frees its tensors", async (_, optimizer) => {
    const before = tf.memory().numTensors;
    const trainer = createReferenceTrainer(tf, convolutions, optimizer, randomParameters(convolutions, 1));
    const split = randomSplit(convolutions, 1, 6);
    const pixels = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
    const losses: number[] = [];
    for (let step = 1; step <= 8; step++) {
      losses.push(await trainer.step({ images: 6, pixels, labels: split.labels }, 0.2, step));
    }
    expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] as number));
    const trained = parametersOf(convolutions).filter(({ role }) => role !== "statistic").length;
    const perParameter = optimizer.kind === "sgd" ? 2 : 3;
    expect(tf.memory().numTensors - before).toBe(perParameter * trained);
    trainer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

it("is made of every kind of network on a backend for graphics cards, and on wasm", () => {
  const { "wasm in Node": onWasm, ...onCards } = networksOf;
  const found = new Set<string>(Object.values(onCards).flat());
  // cct2 has vit28's blocks behind convolutions and a max-pool.
  const different = distinctModelNames.filter((name) => name !== "cct2");
  expect([...found].sort()).toEqual(different.toSorted());
  expect([...onWasm].sort()).toEqual(different.toSorted());
});

it("draws latent weights of either sign alike, and three of four positive where sums are kept in 8 bits", () => {
  const options = { filters: 64, kernelSize: 3 } as const;
  const graph = sequential({ inputShape: [8, 8, 16] }, [
    layers.binaryConv2d({ ...options, name: "exact" }),
    layers.binaryConv2d({ ...options, accumulator: "wrap", name: "narrow" }),
    layers.flatten(),
    layers.dense({ units: 2, name: "head" }),
  ]);
  const parameters = randomParameters(graph, 3);
  const positive = (name: string): number => {
    const values = parameters.get(name) as Float32Array;
    return values.filter((value) => value > 0).length / values.length;
  };
  // Four standard deviations of a share of 128 numbers, the least that are drawn, are 0.18.
  expect(positive("exact/kernel")).toBeCloseTo(0.5, 1);
  expect(positive("head/kernel")).toBeCloseTo(0.5, 1);
  expect(positive("narrow/kernel")).toBeCloseTo(0.75, 1);
});

it("lets weights of AdaBin be apart by the roundings of their two numbers, and no more", () => {
  const chosen = quantizer("adabin");
  const moment = momentOf(chosen, 1);
  const w = tf.randomNormal([3, 3, 8, 4], 0, 1, "float32", 5);
  const { kernel } = nearWeights(tf, chosen, moment, w, null);
  const height = tf.max(tf.abs(kernel.value)).dataSync()[0] as number;
  const distance = tf.max(kernel.distance).dataSync()[0] as number;
  expect(distance).toBeGreaterThan(0);
  // Means of 72 products, and some roundings more.
  expect(distance).toBeLessThan(1e-4 * height);
});
