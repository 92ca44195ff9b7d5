/**
 * What an objective reaches and tells: the parameters that l2 pulls, the terms in events, smoothed labels, distributions as
 * targets, and what is refused.
 */
import { describe, expect, test } from "vitest";
import { makeDataset, split } from "../ts/data/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { noisy } from "../ts/quantizers/weight-families.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { LossTerm } from "../ts/train/losses/term.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { StepEvent } from "../ts/train/run/events.ts";
import type { TrainerOptions } from "../ts/train/run/trainer.ts";
import { eventsOf, squares, trainerOf } from "./train-helpers.ts";
import { binary, branches, data as small } from "./train-networks.ts";

type Objective = TrainerOptions["objective"];

describe("l2", () => {
  /** One step at a rate of 1/4, and the weights in front of it. */
  async function stepOf(network: Graph, objective: Objective) {
    const trainer = await trainerOf(network, {
      optimizer: optimizers.sgd({ learningRate: 0.25 }),
      ...(objective === undefined ? {} : { objective }),
    });
    const before = await trainer.weights();
    const [step] = await eventsOf(trainer.fit(small, { epochs: 1, batchSize: 50, validate: false }));
    return { step: step as StepEvent, before, after: await trainer.weights() };
  }

  test("pulls latent and real kernels to zero behind their quantizers, however large, and nothing else", async () => {
    const network = sequential({ inputShape: [6, 6, 1] }, [
      layers.conv2d({ filters: 8, kernelSize: 3, weightQuantizer: "bc" }),
      layers.batchNorm(),
      layers.flatten(),
      // More weights than one task works on.
      layers.dense({ units: 160, weightQuantizer: "bnn", activationQuantizer: "bnn" }),
      layers.batchNorm(),
      layers.dense({ units: 3 }),
    ]);
    const plain = await stepOf(network, undefined);
    const { after, before, step } = await stepOf(network, [losses.crossEntropy(), losses.l2({ factor: 0.5 })]);
    let sum = 0;
    for (const [name, start] of before) {
      // Statistics are those of the weights behind the step.
      if (name.includes("/moving")) continue;
      const without = plain.after.get(name) as Float32Array;
      if (!name.endsWith("/kernel")) {
        expect(after.get(name), name).toEqual(without);
        continue;
      }
      sum += squares(Float64Array.from(start));
      const moved = (after.get(name) as Float32Array).map((value, i) => (without[i] as number) - value);
      const farthest = moved.reduce((most, move, i) => Math.max(most, Math.abs(move - (start[i] as number) / 8)), 0);
      expect(farthest, name).toBeLessThan(1e-6);
    }
    expect(step.terms?.l2).toBeCloseTo(sum / 4, 6);
  });

  test("leaves out what is no kernel, though it has several axes: embeddings, and tensors of quantizers", async () => {
    const network = sequential({ inputShape: [6, 6, 1] }, [
      layers.conv2d({ filters: 4, kernelSize: 3, weightQuantizer: noisy({ units: 2 }) }),
      layers.reshape({ targetShape: [16, 4] }),
      layers.positionEmbedding(),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const plain = await stepOf(network, undefined);
    const { after, before, step } = await stepOf(network, [losses.crossEntropy(), losses.l2({ factor: 0.5 })]);
    let sum = 0;
    for (const [name, start] of before) {
      if (name.endsWith("/kernel")) sum += squares(Float64Array.from(start));
      else expect(after.get(name), name).toEqual(plain.after.get(name));
    }
    expect([...before.keys()].join(" ")).toMatch(/mapping.*positions/);
    expect(step.terms?.l2).toBeCloseTo(sum / 4, 6);
  });

  test("leaves out weights that Bop flips", async () => {
    const optimizer = caseOptimizer({ binary: optimizers.bop(), rest: optimizers.sgd({ learningRate: 1 }) });
    const network = (quantizer: "bc" | null): Graph =>
      sequential({ inputShape: [6, 6, 1] }, [
        layers.flatten(),
        layers.dense({ units: 4, weightQuantizer: quantizer, name: "first" }),
        layers.dense({ units: 3, weightQuantizer: "bc", name: "last" }),
      ]);
    const trainer = await trainerOf(network(null), {
      optimizer,
      objective: [losses.crossEntropy(), losses.l2({ factor: 2 })],
    });
    const first = (await trainer.weights()).get("first/kernel") as Float32Array;
    const [step] = await eventsOf(trainer.fit(small, { epochs: 1, batchSize: 50, validate: false }));
    expect((step as StepEvent).terms?.l2).toBeCloseTo(squares(Float64Array.from(first)), 6);

    for (const [parameters, message] of [
      [undefined, /"l2" finds no kernel/],
      [["last/kernel"], /"last\/kernel" is not trained/],
    ] as const) {
      const objective = [losses.crossEntropy(), losses.l2({ factor: 2, parameters })];
      const made = trainerOf(network("bc"), { optimizer, objective });
      await expect(made).rejects.toMatchObject({ code: "argument", message: expect.stringMatching(message) });
    }
  });
});

describe("events", () => {
  const run = async (objective: Objective, labelSmoothing?: number) => {
    const trainer = await trainerOf(binary(), objective === undefined ? {} : { objective });
    return eventsOf(trainer.fit(small, { epochs: 1, batchSize: 16, validate: false, labelSmoothing }));
  };
  const withL2 = (factor: number) => [losses.crossEntropy(), losses.l2({ factor })];

  test("tell the terms by name where there are several, an epoch's as means over its steps", async () => {
    const events = await run(withL2(0.01));
    const steps = events.slice(0, -1);
    for (const { terms } of events) expect(Object.keys(terms ?? {})).toEqual(["crossEntropy", "l2"]);
    for (const name of ["crossEntropy", "l2"]) {
      const mean = steps.reduce((sum, { terms }) => sum + (terms?.[name] as number) / steps.length, 0);
      expect(events.at(-1)?.terms?.[name]).toBe(mean);
    }
  });

  test("have no terms where cross-entropy is alone", async () => {
    const events = await run([losses.crossEntropy()]);
    for (const event of events) expect(event).not.toHaveProperty("terms");
    expect(events.map(({ loss }) => loss)).toEqual((await run(undefined)).map(({ loss }) => loss));
  });

  test("smooth the labels of cross-entropy alone", async () => {
    const first = async (factor: number, smoothing?: number) => (await run(withL2(factor), smoothing))[0]?.terms;
    const [plain, smoothed] = [await first(0.01), await first(0.01, 0.5)];
    expect(smoothed?.l2).toBe(plain?.l2);
    expect(smoothed?.crossEntropy).not.toBe(plain?.crossEntropy);
  });
});

describe("label smoothing", () => {
  test.each([
    ["hinge", losses.hinge()],
    ["squaredHinge", losses.squaredHinge()],
    ["meanSquaredError", losses.meanSquaredError({ truth: "labels" })],
    ["meanAbsoluteError", losses.meanAbsoluteError({ truth: "labels" })],
    ["huber", losses.huber({ truth: "labels" })],
  ])("is refused where %s is the loss, which does not read it", async (name, loss) => {
    const refused = async (...objective: LossTerm[]) => {
      const trainer = await trainerOf(binary(), { objective });
      return trainer.fit(small, { epochs: 1, batchSize: 50, validate: false, labelSmoothing: 0.1 });
    };
    await expect(refused(loss, losses.l2({ factor: 0.1 }))).rejects.toMatchObject({
      code: "argument",
      message: `labelSmoothing is for cross-entropies, and the loss is ${name} + l2`,
    });
    await expect(refused(loss, losses.crossEntropy({ factor: 0 }))).rejects.toMatchObject({ code: "argument" });
    await refused(loss, losses.binaryCrossEntropy({ truth: "labels" }));
  });
});

describe("distributions as targets", () => {
  const graphOf = () => sequential({ inputShape: [4] }, [layers.dense({ units: 2 })]);
  const dataOf = (targets: readonly number[]) => {
    const inputs = Float32Array.from({ length: 2 * targets.length }, (_, i) => i / 8);
    const train = split(inputs, null, [4], { targets: Float32Array.from(targets) });
    return makeDataset({ name: "own", classes: [], train, test: train });
  };
  const trained = async (targets: readonly number[]) => {
    const trainer = await trainerOf(graphOf(), { objective: [losses.crossEntropy({ truth: "targets" })] });
    return trainer.fit(dataOf(targets), { epochs: 1, batchSize: 2, validate: false });
  };

  test.each([
    ["negative", [0.5, 0.5, 4, -3]],
    ["of another sum", [0.5, 0.5, 0.7, 0.2]],
  ])("that are %s are refused before the first step", async (_, targets) => {
    await expect(trained(targets)).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(/shares of 1, and those of example 1 are \[/),
    });
  });

  test("are looked at for each number of outputs, though networks share their memory", async () => {
    const targets = Float32Array.from([0.5, 0.5, 1, 0, 0.25, 0.75, 0, 1]);
    const trainOn = async (units: number): Promise<void> => {
      const graph = sequential({ inputShape: [4] }, [layers.dense({ units })]);
      const trainer = await trainerOf(graph, { objective: [losses.crossEntropy({ truth: "targets" })] });
      const train = split(new Float32Array((4 * targets.length) / units), null, [4], { targets });
      const own = makeDataset({ name: "own", classes: [], train, test: train });
      await trainer.fit(own, { epochs: 1, batchSize: 2, validate: false });
    };
    await trainOn(2);
    await expect(trainOn(4)).rejects.toMatchObject({ code: "data", message: expect.stringContaining("shares of 1") });
  });

  test("that are rounded are taken", async () => {
    await trained([0.5, 0.5, 0.3333, 0.6666]);
  });

  test("name classes by the largest one, in the score and in metrics", async () => {
    const trainer = await trainerOf(graphOf(), { objective: [losses.crossEntropy({ truth: "targets" })] });
    const { test: given } = dataOf([1, 0, 0.3, 0.7, 0.6, 0.4, 0, 1, 1, 0, 0.2, 0.8]);
    const { accuracy, metrics } = await trainer.evaluate(given, { metrics: ["accuracy"] });
    expect(accuracy).toBe(metrics?.accuracy);
  });
});

describe("an objective that does not suit", () => {
  const plain = losses.crossEntropy();
  const cases: readonly (readonly [string, string, () => TrainerOptions, RegExp])[] = [
    [
      "a node that is none",
      "unknown-name",
      () => ({ objective: [plain, losses.distance({ between: ["left_norm", "rihgt_norm"] })] }),
      /"distance" .*"rihgt_norm"/,
    ],
    [
      "a parameter that is none",
      "unknown-name",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: ["left/bias"] })] }),
      /"l2" .*"left\/bias"/,
    ],
    [
      "a parameter that is not trained",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: ["left_norm/movingMean"] })] }),
      /"left_norm\/movingMean" is not trained/,
    ],
    [
      "values of two shapes",
      "shape",
      () => ({ objective: [plain, losses.distance({ between: ["left_norm", "first"] })] }),
      /\[5, 4, 3\].*\[3\]/,
    ],
    ["no score", "argument", () => ({ objective: [losses.l2({ factor: 1 })] }), /nothing that evaluations/],
    ["two scores", "argument", () => ({ objective: [plain, losses.crossEntropy()] }), /two .*"crossEntropy"/],
    [
      "one name twice",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1 }), losses.l2({ factor: 2 })] }),
      /two .*"l2"/,
    ],
    ["no list", "argument", () => ({ objective: plain as unknown as [] }), /objective must be a list of losses/],
    ["no terms", "argument", () => ({ objective: ["l2" as unknown as typeof plain] }), /list of losses/],
    ["a negative factor", "argument", () => ({ objective: [plain, losses.l2({ factor: -1 })] }), /factor .*-1/],
    [
      "a value and itself",
      "argument",
      () => ({ objective: [plain, losses.distance({ between: ["left", "left"] })] }),
      /between .*two nodes/,
    ],
    [
      "names that are no list",
      "argument",
      () => ({ objective: [plain, losses.l2({ factor: 1, parameters: [] })] }),
      /parameters/,
    ],
  ];
  test.each(cases)("%s", async (_title, code, options, message) => {
    await expect((async () => trainerOf(branches(), { ...options() }))()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/.{10}/),
    });
  });
});
