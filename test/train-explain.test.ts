/**
 * The guarantees of a trainer's `explain` and `profile`. They say what a step runs and where its time goes. They leave
 * no trace in the weights.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layers, model, sequential, summary, Trainer, type Trainer as TrainerType } from "../ts/index.ts";
import { productOf } from "../ts/program/call.ts";
import { quantizers } from "../ts/quantizers/index.ts";
import { formatTrainingExplanation, formatTrainingProfile } from "../ts/train/explain/explain-training-text.ts";
import { sumOfShares } from "../ts/train/explain/profile-training.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { randomDataset, randomSplit } from "./oracle/compare.ts";

/** Every kind of operand, and channels that do not fill a group of 4. */
const graph = sequential({ inputShape: [8, 8, 3] }, [
  layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", name: "stem" }),
  layers.batchNorm({ name: "norm" }),
  layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "soft" }),
  layers.maxPool2d({ name: "pool" }),
  layers.batchNorm({ name: "norm_2" }),
  layers.binaryConv2d({ filters: 8, kernelSize: 3, weightQuantizer: "bnn+", name: "hard" }),
  layers.batchNorm({ name: "norm_3" }),
  layers.flatten({ name: "flat" }),
  layers.dense({ units: 3, name: "head" }),
]);

let trainer: TrainerType;
beforeAll(async () => {
  trainer = await Trainer.create(graph, { workers: 2, seed: 3 });
});
afterAll(() => trainer.close());

const reasonsOf = (node: string, progress: number): readonly string[] =>
  trainer
    .explain({ progress })
    .layers.find((layer) => layer.node === node)
    ?.obstacles.map(({ reason }) => reason) ?? [];

describe("explain", () => {
  test("names the kernel of each product, as the operands stand at that moment of the run", () => {
    const { layers: soft } = trainer.explain();
    const { layers: hardened, progress } = trainer.explain({ progress: 0.95, batchSize: 16 });
    expect(progress).toBe(0.95);
    const products = (rows: typeof soft) =>
      rows
        .filter(({ forward }) => forward !== null)
        .map(({ node, weightBits, activationBits, forward, filterGradient }) =>
          [node, weightBits, activationBits, forward?.product, filterGradient?.product].join(" "),
        );
    expect(products(soft)).toEqual(["stem 32 32 ff ff", "soft 32 1 fb fb", "hard 1 1 bb fb", "head 32 32 ff ff"]);
    expect(products(hardened)).toEqual(["stem 32 32 ff ff", "soft 1 1 bb fb", "hard 1 1 bb fb", "head 32 32 ff ff"]);
    const gradients = soft.map(({ inputGradient }) => inputGradient?.product ?? null);
    // Nothing below the stem is trained.
    expect(gradients[1]).toBeNull();
    expect(gradients.filter((product) => product !== null)).toHaveLength(3);
    for (const { forward, filterGradient, inputGradient } of soft) {
      for (const work of [forward, filterGradient, inputGradient]) {
        if (work === null) continue;
        expect(productOf(work.kernel)).toMatchObject({ operands: work.product, tile: work.tile });
        expect(work.tile).toMatch(/^\d+x\d+$/);
      }
    }
  });

  test("counts bytes and work as the summary does", () => {
    const { layers: rows, memory, batchSize } = trainer.explain();
    const { stateBytes, stepBytes, lowerBound } = memory;
    const counted = summary(graph);
    expect(batchSize).toBe(128);
    expect(rows.map(({ node }) => node)).toEqual(counted.rows.map(({ name }) => name));
    expect(rows.map((row) => row.weightBytes)).toEqual(counted.rows.map((row) => row.floatBytes));
    expect(rows.map((row) => row.multiplyAccumulates)).toEqual(counted.rows.map((row) => row.multiplyAccumulates));
    expect(rows.find(({ node }) => node === "pool")?.valueBytes).toBe(4 * 128 * 4 * 4 * 8);
    expect(lowerBound).toBeGreaterThan(0);
    expect(stepBytes + stateBytes).toBeGreaterThan(lowerBound);
    // Values, the copy of the last good ones, and Adam's two moments, which statistics have not.
    const floats = counted.totals.floatBytes;
    expect(stateBytes).toBeGreaterThan(3.5 * floats);
    expect(stateBytes).toBeLessThan(4 * floats + 1024);
  });

  test("says why a layer is not on the fast path, and what to change", () => {
    expect(reasonsOf("stem", 0)).toEqual(["real weights and activations"]);
    expect(reasonsOf("soft", 0)).toEqual([
      "6 input channels are not a multiple of 4: the last 2 cost as much as 4",
      'weights are real until 30.0 % of the run, for the forward map of "bnn++" is soft',
    ]);
    expect(reasonsOf("soft", 0.3)).toEqual([expect.stringContaining("multiple of 4")]);
    expect(reasonsOf("hard", 0)).toEqual([]);
    const remedies = trainer.explain().layers.flatMap(({ obstacles }) => obstacles.map(({ remedy }) => remedy));
    expect(remedies).toEqual(
      expect.arrayContaining([
        expect.stringContaining("weightQuantizer and activationQuantizer"),
        "Give the layer before it 8 filters.",
        expect.stringMatching(/hardenAt.*bc, bnn, bnn\+/),
      ]),
    );
  });

  test("names an operand that is never hard, and a single real one", async () => {
    const own = sequential({ inputShape: [4, 4, 4] }, [
      layers.binaryConv2d({
        filters: 4,
        kernelSize: 3,
        weightQuantizer: null,
        activationQuantizer: quantizers.polyPlus({ hardenAt: 1 }),
      }),
      layers.flatten(),
      layers.dense({ units: 2, activationQuantizer: "poly" }),
    ]);
    const other = await Trainer.create(own, { workers: 1, variant: "plain" });
    const { layers: rows, obstacles, workers } = other.explain({ progress: 1 });
    other.close();
    expect(rows[1]?.obstacles.map(({ reason }) => reason)).toEqual([
      "real weights",
      'activations are real throughout the run, for the forward map of "poly+" is soft',
    ]);
    expect(rows[3]?.obstacles.map(({ reason }) => reason)).toEqual(["real weights"]);
    // The plain build in a memory of its own: both that and the missing instructions are said.
    expect(workers).toBe(1);
    expect(obstacles.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("relaxed SIMD is not in use"),
      expect.stringContaining("memory is not shared"),
    ]);
    expect(obstacles[1]?.remedy).toContain("Cross-Origin-Embedder-Policy");
  });

  test("says of levels that they are no bits, and what would be", async () => {
    const { dorefaActivations, dorefaWeights } = quantizers;
    const own = sequential({ inputShape: [6] }, [
      layers.dense({ units: 4, weightQuantizer: "bnn", activationQuantizer: dorefaActivations({ bits: 2 }) }),
      layers.dense({ units: 3, weightQuantizer: dorefaWeights({ bits: 2 }), activationQuantizer: "poly" }),
    ]);
    const other = await Trainer.create(own, { workers: 1 });
    const { layers: rows } = other.explain({ progress: 1 });
    other.close();
    expect(rows.flatMap(({ obstacles }) => obstacles)).toEqual([
      { reason: expect.stringMatching(/^the activations .* are levels/), remedy: expect.stringContaining("one bit") },
      { reason: expect.stringMatching(/^the weights .* are levels/), remedy: expect.stringContaining("end as signs") },
    ]);
  });

  test("prints as a table of at most 100 columns, with each remark once", () => {
    const text = formatTrainingExplanation(trainer.explain());
    const lines = text.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines[2]).toMatch(/^layer +output +bits +forward +filter grad +input grad +mul-adds +weights +values$/);
    expect(lines.find((line) => line.startsWith("soft"))).toMatch(/^soft +8x8x8 +32x1 +fb \d+x\d+ +fb \d+x\d+ +\S/);
    expect(lines.find((line) => line.startsWith("total"))).toMatch(/^total +[\d.]+( \w)? +[\d.]+ \w?B +[\d.]+ \w?B$/);
    expect(text).toContain("  stem, head: real weights and activations\n    → Give the layer");
    expect(text).toMatch(
      /\nmemory: [\d.]+ .?B for the step, [\d.]+ kB for weights and optimizer; what must be kept is [\d.]+ .?B\n/,
    );
  });

  test("refuses what it cannot explain", () => {
    expect(() => trainer.explain({ progress: 2 })).toThrow(expect.objectContaining({ code: "argument" }));
    expect(() => trainer.explain({ batchSize: 0 })).toThrow(expect.objectContaining({ code: "argument" }));
    expect(() => trainer.explain({ batch: 3 } as never)).toThrow(expect.objectContaining({ code: "argument" }));
  });
});

describe("profile", () => {
  const split = randomSplit(4, 40, [8, 8, 3], 3);

  test("shares all of the workers' time among layers, waiting and the rest", async () => {
    const profile = await trainer.profile(split, { batchSize: 32, steps: 3 });
    expect(profile).toMatchObject({ steps: 3, batchSize: 32, workers: trainer.workers, progress: 0 });
    expect(profile.millisecondsPerStep).toBeGreaterThan(0);
    expect(profile.layers.map(({ node }) => node)).toEqual(graph.nodes.map(({ name }) => name));
    const { shares } = profile;
    expect(sumOfShares(shares) + shares.waiting + shares.rest).toBeCloseTo(1, 9);
    for (const part of Object.values(shares)) expect(part).toBeGreaterThanOrEqual(0);
    for (const part of ["forward", "filterGradient", "inputGradient", "lanes"] as const) {
      const sum = profile.layers.reduce((total, layer) => total + layer[part], 0);
      expect(sum, part).toBeCloseTo(shares[part], 9);
      expect(sum, part).toBeGreaterThan(0);
    }
    // The copy of the last good values belongs to no layer.
    expect(profile.layers.reduce((total, { update }) => total + update, 0)).toBeLessThan(shares.update);
    const by = new Map(profile.layers.map((layer) => [layer.node, layer]));
    expect(by.get("pool")).toMatchObject({ filterGradient: 0, lanes: 0, update: 0 });
    expect(by.get("flat")).toMatchObject({ forward: 0, inputGradient: 0 });
    expect(by.get("soft")?.filterGradient).toBeGreaterThan(0);
    const text = formatTrainingProfile(profile);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).toMatch(/^3 steps of 32 images at 0\.0 % of the run: [\d.]+ ms a step/);
    expect(text).toMatch(/\ntotal +[\d.]+ %( +[\d.]+ %){5}\nand waiting for other workers [\d.]+ %/);
  });

  test("leaves weights, optimizer and the next run as they were", async () => {
    const data = randomDataset(5, [40, 8], [8, 8, 3], 3);
    const run = async (profiled: boolean): Promise<readonly Float32Array[]> => {
      const own = await Trainer.create(graph, { workers: 2, seed: 9, optimizer: optimizers.sgd({ momentum: 0.9 }) });
      for await (const _ of own.fit(data, { epochs: 1, batchSize: 16 }));
      if (profiled) {
        const before = [...(await own.weights()).values()];
        await own.profile(data.train, { batchSize: 16, steps: 2, progress: 1 });
        expect([...(await own.weights()).values()]).toEqual(before);
      }
      for await (const _ of own.fit(data, { epochs: 1, batchSize: 16 }));
      const weights = [...(await own.weights()).values()];
      own.close();
      return weights;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test("says when a step meets a number that is not finite, and puts the weights back", async () => {
    const own = await Trainer.create(graph, { workers: 1, optimizer: optimizers.sgd({ learningRate: 1e18 }) });
    const before = await own.weights();
    const profile = own.profile(split, { batchSize: 16, steps: 4 });
    await expect(profile).rejects.toMatchObject({ code: "not-finite", message: expect.stringContaining("layer") });
    expect(await own.weights()).toEqual(before);
    own.close();
  });

  test("refuses splits and options that do not fit", async () => {
    await expect(trainer.profile(split, { batchSize: 41 })).rejects.toMatchObject({ code: "data" });
    await expect(trainer.profile(split, { steps: 0 })).rejects.toMatchObject({ code: "argument" });
    await expect(trainer.profile(split, { epochs: 1 } as never)).rejects.toMatchObject({ code: "argument" });
    await expect(trainer.profile(randomSplit(1, 40, [4, 4, 3], 3))).rejects.toMatchObject({ code: "shape" });
  });
});

test("a residual network is explained too", async () => {
  const own = await Trainer.create(model("resnet20", { inputShape: [8, 8, 4] }), { workers: 1 });
  const { layers: rows } = own.explain({ batchSize: 4 });
  own.close();
  const binary = rows.filter(({ node }) => /^stage\d_\d_conv$/.test(node));
  expect(binary).toHaveLength(18);
  for (const { forward, filterGradient, inputGradient } of binary) {
    expect([forward?.product, filterGradient?.product]).toEqual(["fb", "fb"]);
    expect(inputGradient).not.toBeNull();
  }
  // A batch norm with a sum behind it writes the sum.
  const bytesOf = (name: string) => rows.find(({ node }) => node === name)?.valueBytes;
  expect([bytesOf("stage1_1_norm"), bytesOf("stage1_1")]).toEqual([0, 4 * 4 * 8 * 8 * 16]);
  expect(rows.find(({ node }) => node === "stage2_1_shortcut_pool")).toMatchObject({ forward: null, obstacles: [] });
});
