/** The methods made of losses and schedules do the steps of their definitions, refuse what does not suit them, and pack signs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changed } from "../ts/data/changed.ts";
import { stream } from "../ts/data/stream.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { methodOf, methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { evaluateSchedule, quantizers, type Schedule } from "../ts/quantizers/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { LossTerm } from "../ts/train/losses/term.ts";
import { applyMethods, checkMethods } from "../ts/train/method.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { binary, data } from "./train-networks.ts";

const graph = binary();
const plain = { graph, optimizer: optimizers.adamw(), objective: [losses.crossEntropy()] };
const subject = { code: "argument", what: "a test" } as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

describe("hardening", () => {
  const own = applyMethods([methods.hardening({ epochs: 4 })], plain);
  const [quantizer] = own.graph.nodes.flatMap((node) =>
    node.op === "conv2d" && node.attributes.weightQuantizer !== null ? [node.attributes.weightQuantizer] : [],
  );

  test("clamps weights over a temperature that falls to 0.9 of itself in each epoch", () => {
    expect(quantizer).toMatchObject({ forward: "piecewiseLinear", backward: "one", hardenAt: 0.5, clipLatent: 1.5 });
    const [rho] = quantizer?.parameters ?? [];
    const found = [0, 0.2, 0.25, 0.5, 0.75].map((progress) => evaluateSchedule(rho as Schedule, progress));
    for (const [i, temperature] of [1, 1, 0.9, 0.81, 0.729].entries())
      expect(found[i]).toBeCloseTo(1 - temperature, 12);
  });

  test("makes the steps of its definition, and signs of weights that are cold", async () => {
    await expectOracle(pool, { graph: own.graph, optimizer: optimizers.sgd({ learningRate: 0.1 }), steps: 4, of: 4 });
    const cold = applyMethods([methods.hardening({ epochs: 200, hardenAt: 1 })], plain);
    expect(JSON.stringify(cold.graph)).toContain('"hardenAt":0.765');
  });

  test("is for the epochs that it was made for, and says so when its options are not given", async () => {
    const trainer = await trainerOf(graph, { methods: [methods.hardening({ epochs: 4 })] });
    const refused = await rejected("argument", eventsOf(trainer.fit(data, { epochs: 3, batchSize: 16 })));
    expect(refused.message).toContain("4 epochs");
    expect(() => methodOf("hardening", {})).toThrow(/epochs must be a whole number/);
    expect(() => checkMethods([methods.twoStep(), methods.hardening({ epochs: 4 })], subject)).toThrow(/become binary/);
  });
});

describe("BD-BNN", () => {
  test("draws the kurtosis of latent weights to its targets, layer by layer", async () => {
    const { objective } = applyMethods([methods.bdBnn({ factor: 2, targets: { body: 1.2 } })], plain);
    expect(objective.map(({ name, facts }) => [name, facts])[1]).toEqual([
      "bd-bnn",
      { factor: 2, target: 1.8, targets: { "body/kernel": 1.2 }, parameters: ["body/kernel"] },
    ]);
    const trainer = await trainerOf(graph, {
      methods: [methods.bdBnn({ factor: 20, target: 1.2 })],
      optimizer: optimizers.adam({ learningRate: 0.02 }),
    });
    const { epochs } = await trainer.fit(data, { epochs: 4, batchSize: 16, validate: false });
    const values = epochs.map(({ terms }) => terms?.["bd-bnn"] ?? Number.NaN);
    expect(values.at(-1)).toBeLessThan((values[0] as number) / 4);
    expect(decodeModel(await trainer.pack()).parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
  });

  test.each([
    [{ heads: 1 }, "unknown-name", /heads/],
    [{ head: 1 }, "argument", /trains no binary weights/],
  ] as const)("refuses targets of %j", (targets, code, message) => {
    expect(() => applyMethods([methods.bdBnn({ targets })], plain)).toThrow(message);
    expect(() => applyMethods([methods.bdBnn({ targets })], plain)).toThrow(expect.objectContaining({ code }));
  });

  test("is refused where Bop flips the weights", async () => {
    const optimizer = caseOptimizer({ binary: optimizers.bop(), rest: optimizers.adam() });
    const bop = sequential({ inputShape: [6, 6, 1] }, [
      layers.flatten(),
      layers.dense({ units: 3, name: "one", weightQuantizer: "bc" }),
    ]);
    const refused = await rejected("argument", trainerOf(bop, { optimizer, methods: [methods.bdBnn()] }));
    expect(refused.message).toMatch(/magnitude of "one\/kernel" is not trained/);
  });
});

describe("self-distillation", () => {
  const options = { epochs: 3, batchSize: 16, validate: false } as const;
  const { train } = data;

  /** The method written out: targets that a task mixes of labels and answers. */
  async function byHand() {
    const targets = new Float32Array(3 * train.count);
    const own = { ...train, targets };
    const mix = (share: number, answers: Float32Array): void => {
      for (let i = 0; i < train.count; i++) {
        const heights = [0, 1, 2].map((k) => Math.exp(answers[3 * i + k] as number));
        const sum = heights.reduce((total, height) => total + height, 0);
        for (const [k, height] of heights.entries())
          targets[3 * i + k] = (share * height) / sum + (k === train.labels[i] ? 1 - share : 0);
      }
      changed(own);
    };
    mix(0, new Float32Array(targets.length));
    const task: EpochTask = {
      name: "mix",
      run: async ({ epoch, predict }) => {
        if (epoch < 3) mix(0.3 * epoch, await predict(train));
        return undefined;
      },
    };
    const objective = [losses.crossEntropy({ factor: 0 }), losses.crossEntropy({ truth: "targets", name: "own" })];
    const trainer = await trainerOf(graph, { objective });
    await trainer.fit({ ...data, train: own }, { ...options, tasks: [task] });
    return trainer.weights();
  }

  test("learns from labels and the answers of the epoch before, and goes on from a checkpoint", async () => {
    const given = { methods: [methods.selfDistillation({ share: 0.6 })] };
    const whole = await trainerOf(graph, given);
    const { epochs } = await whole.fit(data, options);
    expect(epochs.map(({ tasks }) => tasks?.["self-distillation"]?.share)).toEqual([0.3, 0.6, undefined]);
    // The score with the factor 0 is no part of the loss.
    expect(epochs.map(({ terms }) => terms)).toEqual([undefined, undefined, undefined]);
    const [found, wanted] = [await whole.weights(), await byHand()];
    for (const [name, values] of wanted) {
      const own = found.get(name) as Float32Array;
      const most = Math.max(...values.map((value, i) => Math.abs(value - (own[i] as number))));
      expect(most, name).toBeLessThan(1e-5);
    }
    const labelled = await trainerOf(graph);
    await labelled.fit(data, options);
    expect(await labelled.weights()).not.toEqual(found);
    const store = memoryStore();
    const first = await trainerOf(graph, given);
    for await (const event of first.fit(data, { ...options, checkpoint: store }))
      if (event.type === "step" && event.epoch === 3) break;
    first.close();
    const second = await Trainer.resume(store, { workers: 2, methods: methodOf });
    await second.continueFit(data);
    expect(await second.weights()).toEqual(found);
    second.close();
  });

  test.each<[string, readonly LossTerm[]]>([
    ["another loss", [losses.squaredHinge({ truth: "labels" })]],
    ["weights of classes", [losses.crossEntropy({ classWeights: [1, 2, 3] })]],
    ["targets", [losses.crossEntropy({ truth: "targets" })]],
  ])("refuses %s", (_, objective) => {
    expect(() => applyMethods([methods.selfDistillation()], { ...plain, objective })).toThrow(
      /crossEntropy\(\) first|softens/,
    );
  });

  test("refuses data with targets, and streams", async () => {
    const trainer = await trainerOf(graph, { methods: [methods.selfDistillation()] });
    const taught = { ...data, train: { ...train, targets: new Float32Array(3 * train.count) } };
    await expect(trainer.fit(taught, options)).rejects.toMatchObject({
      code: "argument",
      message: /targets of its own/,
    });
    const streamed = { ...data, train: stream({ count: train.count, read: () => train }, { shape: train.shape }) };
    await expect(eventsOf(trainer.fit(streamed, options))).rejects.toMatchObject({ message: /a stream/ });
  });
});

describe("CMIM", () => {
  test("trains two heads beside the network, which stand in no file, and goes on from a checkpoint", async () => {
    const options = { epochs: 2, batchSize: 16, validate: false } as const;
    const given = { methods: [methods.cmim({ units: 8 })] };
    const trainer = await trainerOf(graph, given);
    expect(trainer.graph.outputs).toEqual([graph.output, "cmim_binary", "cmim_real"]);
    const before = await trainer.weights();
    const { epochs } = await trainer.fit(data, options);
    const after = await trainer.weights();
    for (const name of ["cmim_binary/kernel", "cmim_real/kernel"])
      expect(after.get(name)).not.toEqual(before.get(name));
    expect(epochs[1]?.terms?.cmim).toBeLessThan(epochs[0]?.terms?.cmim ?? Number.NaN);
    const packed = decodeModel(await trainer.pack());
    expect(packed.graph).toEqual(decodeModel(await (await trainerOf(graph)).pack()).graph);
    const store = memoryStore();
    const first = await trainerOf(graph, given);
    for await (const _ of first.fit(data, { ...options, checkpoint: store })) break;
    first.close();
    const second = await Trainer.resume(store, { workers: 2, methods: methodOf });
    await second.continueFit(data);
    expect(await second.pack()).toEqual(await trainer.pack());
    second.close();
  });

  test.each<[string, Graph, Parameters<typeof methods.cmim>[0], RegExp]>([
    [
      "a network without binary activations",
      sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]),
      {},
      /has no binary ones/,
    ],
    ["a layer without such", graph, { layer: "head" }, /"head"/],
    [
      "a network with its heads",
      applyMethods([methods.cmim()], plain).graph,
      {},
      /"cmim_flat" is one of the network's own/,
    ],
  ])("refuses %s", (_, own, options, message) => {
    expect(() => applyMethods([methods.cmim(options)], { ...plain, graph: own })).toThrow(message);
  });
});

describe("two steps", () => {
  const changed = applyMethods([methods.twoStep({ share: 0.5 })], plain);

  test.each([
    ["one", 0, 2],
    ["two", 0.5, 2],
  ])("step %s is that of its definition", async (_, from, steps) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1, weightDecay: 0.01 });
    const own = applyMethods([methods.twoStep()], { ...plain, optimizer });
    await expectOracle(pool, { graph: own.graph, optimizer: own.optimizer, steps: from === 0 ? steps : 4, of: 4 });
  });

  test("have real weights first and signs then, and decay in step one alone", () => {
    const [quantizer] = changed.graph.nodes.flatMap((node) =>
      node.op === "conv2d" && node.attributes.weightQuantizer !== null ? [node.attributes.weightQuantizer] : [],
    );
    expect(quantizer).toMatchObject({ forward: "identity", backward: "box", hardenAt: 0.5, clipLatent: 1 });
    expect(changed.optimizer).toMatchObject({ weightDecay: 4e-3, decayUntil: 0.5 });
    const bare = applyMethods([methods.twoStep()], { ...plain, optimizer: optimizers.adam() });
    expect(bare.optimizer).toEqual(optimizers.adam());
  });

  test("pack signs", async () => {
    const trainer = await trainerOf(graph, { methods: [methods.twoStep()] });
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16, validate: false }));
    const { parameters } = decodeModel(await trainer.pack());
    expect(parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
  });

  const dense = (weightQuantizer: Parameters<typeof layers.dense>[0]["weightQuantizer"]): Graph =>
    sequential({ inputShape: [4] }, [
      layers.dense({ units: 3, name: "one", weightQuantizer: weightQuantizer ?? null }),
    ]);
  test.each<[string, Graph, typeof plain.optimizer | ReturnType<typeof caseOptimizer>, RegExp]>([
    ["no binary weights", dense(null), plain.optimizer, /trains none/],
    ["weights with a scale", dense(quantizers.xnor()), plain.optimizer, /"xnor" of layer "one"/],
    ["levels", dense(quantizers.dorefaWeights({ bits: 2 })), plain.optimizer, /levels/],
    ["Bop", dense("bc"), caseOptimizer({ binary: optimizers.bop(), rest: optimizers.sgd() }), /Bop only flips/],
  ])("refuse %s", (_, own, optimizer, message) => {
    expect(() => applyMethods([methods.twoStep()], { ...plain, graph: own, optimizer })).toThrow(message);
  });
});
