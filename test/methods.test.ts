/**
 * The door for methods: what a value may change is changed, a run is held to its methods, and files know nothing of them. The
 * methods that are made of schedules do the steps of their definitions.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { methodsFrom, methodsText } from "../ts/cli/methods.ts";
import { changed } from "../ts/data/changed.ts";
import { stream } from "../ts/data/stream.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { methodNames, methodOf, methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { evaluateSchedule, quantizers, type Schedule } from "../ts/quantizers/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import type { LossTerm } from "../ts/train/losses/term.ts";
import { applyMethods, checkMethods, type Method } from "../ts/train/method.ts";
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

/** A method that touches all there is. Its task counts its calls, in the run that is under way. */
function everything(step = 2): Method {
  return {
    name: "everything",
    options: { step },
    graph: (given) => ({ ...given, name: "renamed" }),
    packed: (given) => ({ ...given, name: graph.name }),
    optimizer: () => optimizers.sgd({ learningRate: 0.05 }),
    objective: (given) => [...given, losses.l2({ factor: 0.01 })],
    fit: ({ data: given }) => {
      let count = 0;
      const task: EpochTask = {
        name: "everything",
        run: async () => {
          count += step;
          return { count };
        },
        save: () => count,
        restore: (saved) => {
          count = saved as number;
        },
      };
      return {
        data: { ...given, train: { ...given.train, sampleWeights: new Float32Array(50).fill(0.5) } },
        tasks: [task],
      };
    },
  };
}

describe("a method", () => {
  test("changes network, optimizer, loss and data, works between epochs, and leaves the file alone", async () => {
    const trainer = await trainerOf(graph, { methods: [everything()] });
    expect(trainer.graph.name).toBe("renamed");
    const history = await trainer.fit(data, { epochs: 2, batchSize: 16, validate: false });
    expect(history.epochs.map(({ tasks }) => tasks)).toEqual([
      { everything: { count: 2 } },
      { everything: { count: 4 } },
    ]);
    expect(Object.keys(history.epochs[0]?.terms ?? {})).toEqual(["crossEntropy", "l2"]);
    const byHand = await trainerOf(graph, {
      optimizer: optimizers.sgd({ learningRate: 0.05 }),
      objective: [losses.crossEntropy(), losses.l2({ factor: 0.01 })],
    });
    const sampleWeights = new Float32Array(50).fill(0.5);
    await byHand.fit(
      { ...data, train: { ...data.train, sampleWeights } },
      { epochs: 2, batchSize: 16, validate: false },
    );
    expect(await trainer.weights()).toEqual(await byHand.weights());
    expect(await trainer.pack()).toEqual(await byHand.pack());
  });

  test("is part of its run: a resumed one ends in the same bytes, and is held to name and options", async () => {
    const options = { epochs: 3, batchSize: 16, validate: false } as const;
    const whole = await trainerOf(graph, { methods: [everything()] });
    const wanted = await whole.fit(data, options);
    const store = memoryStore();
    const first = await trainerOf(graph, { methods: [everything()] });
    for await (const event of first.fit(data, { ...options, checkpoint: store })) if (event.type === "epoch") break;
    first.close();
    const refused = await rejected("argument", Trainer.resume(store));
    expect(refused.message).toContain('"everything"');
    await rejected("checkpoint", Trainer.resume(store, { methods: [everything(3)] }));
    await rejected("checkpoint", Trainer.resume(store, { methods: [] }));
    const made: unknown[] = [];
    const second = await Trainer.resume(store, {
      graph,
      workers: 1,
      methods: (name, given) => {
        made.push([name, given]);
        return everything(given.step as number);
      },
    });
    expect(made).toEqual([["everything", { step: 2 }]]);
    const rest = await second.continueFit(data);
    expect(rest.epochs.map(({ tasks }) => tasks)).toEqual(wanted.epochs.slice(1).map(({ tasks }) => tasks));
    expect(await second.weights()).toEqual(await whole.weights());
    second.close();
  });

  test("may not be given to a run that began without", async () => {
    const store = memoryStore();
    const first = await trainerOf(graph);
    for await (const _ of first.fit(data, { epochs: 2, batchSize: 16, checkpoint: store })) break;
    first.close();
    const quiet: Method = { name: "quiet" };
    const refused = await rejected("checkpoint", Trainer.resume(store, { methods: [quiet] }));
    expect(refused.message).toContain("methods");
  });
});

describe("methods together", () => {
  test("act one after the other", () => {
    const add = (name: string): Method => ({ name, objective: (given) => [...given, losses.l2({ factor: 1, name })] });
    const { objective } = applyMethods([add("one"), add("two")], plain);
    expect(objective.map(({ name }) => name)).toEqual(["crossEntropy", "one", "two"]);
  });

  test.each<[string, readonly Method[], RegExp]>([
    ["twice", [methods.twoStep(), methods.twoStep({ share: 0.2 })], /"two-step" is given twice/],
    [
      "excluding one another",
      [{ name: "a", excludes: { b: "both move the weights" } }, { name: "b" }],
      /both move the weights/,
    ],
    ["excluded", [{ name: "b" }, { name: "a", excludes: { b: "both move the weights" } }], /"a" and "b"/],
  ])("are refused where they stand %s", (_, given, message) => {
    expect(() => checkMethods(given, subject)).toThrow(message);
  });

  test.each<[string, unknown]>([
    ["a name", "two-step"],
    ["a list of names", ["two-step"]],
    ["a hook that is no function", [{ name: "own", fit: 3 }]],
    ["an unknown hook", [{ name: "own", loss: () => [] }]],
    ["no name", [{}]],
    ["options that are none", [{ name: "own", options: 3 }]],
  ])("are no %s", (_, given) => {
    expect(() => checkMethods(given, subject)).toThrow(/a test/);
  });
});

describe("the registry", () => {
  /** The options that methods have no default of. */
  const needed: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { hardening: { epochs: 4 } };

  test.each(methodNames)("has %s under its name, with its defaults", (name) => {
    const made = methodOf(name, needed[name] ?? {});
    expect(made.name).toBe(name);
    expect(methodOf(name, made.options ?? {}).options).toEqual(made.options);
  });

  test("names the nearest of an unknown one, and the options of a known one", () => {
    expect(() => methodOf("two-stop", {})).toThrow(/two-stop/);
    expect(() => methodOf("two-step", { shore: 1 })).toThrow(/shore/);
    expect(() => methods.twoStep({ share: 1 })).toThrow(/method "two-step": share/);
  });
});

describe("words of the command line", () => {
  test.each([
    ["two-step", [methods.twoStep()]],
    ["two-step:share=0.25", [methods.twoStep({ share: 0.25 })]],
    [" two-step: share = 1e-1 ", [methods.twoStep({ share: 0.1 })]],
  ])("%j are a method with its options", (text, wanted) => {
    const found = methodsFrom(text);
    expect(found.map(({ name, options }) => ({ name, options }))).toEqual(
      wanted.map(({ name, options }) => ({ name, options })),
    );
    expect(methodsFrom(methodsText(found)).map(({ options }) => options)).toEqual(found.map(({ options }) => options));
  });

  test.each([
    ["two-stop", /two-stop/],
    ["two-step:share", /option=value/],
    ["two-step:share=often", /share must be a number/],
    ["two-step:share=0.5,share=0.6", /share twice/],
    ["two-step:depth=3", /depth/],
    ["two-step+two-step", /given twice/],
    ["", /method/],
  ])("%j are refused", (text, message) => {
    expect(() => methodsFrom(text)).toThrow(message);
  });
});

describe("hardening", () => {
  const own = applyMethods([methods.hardening({ epochs: 4 })], plain);
  const [quantizer] = own.graph.nodes.flatMap((node) =>
    node.op === "conv2d" && node.attributes.weightQuantizer !== null ? [node.attributes.weightQuantizer] : [],
  );

  test("clamps weights over a temperature that falls to 0.9 of itself in each epoch", () => {
    expect(quantizer).toMatchObject({ forward: "piecewiseLinear", backward: "one", hardenAt: 0.9, clipLatent: 1.5 });
    const [rho] = quantizer?.parameters ?? [];
    const found = [0, 0.2, 0.25, 0.5, 0.75].map((progress) => evaluateSchedule(rho as Schedule, progress));
    for (const [i, temperature] of [1, 1, 0.9, 0.81, 0.729].entries())
      expect(found[i]).toBeCloseTo(1 - temperature, 12);
  });

  test("makes the steps of its definition, and signs of weights that are cold", async () => {
    await expectOracle(pool, { graph: own.graph, optimizer: optimizers.sgd({ learningRate: 0.1 }), steps: 4, of: 4 });
    const cold = applyMethods([methods.hardening({ epochs: 200 })], plain);
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
    const second = await Trainer.resume(store, { graph, workers: 2, methods: methodOf });
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
