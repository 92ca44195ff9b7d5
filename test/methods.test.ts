/**
 * The door for methods: what a value may change is changed, a run is held to its methods, and files know nothing of them.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { methodsFrom, methodsText } from "../ts/cli/methods.ts";
import { take } from "../ts/data/index.ts";
import { methodNames, methodOf, methodRecords, methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods, checkMethods, type Method, type MethodWork, workOf } from "../ts/train/method.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochTask } from "../ts/train/run/epoch-task.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary, data } from "./train-networks.ts";

const graph = binary();
const plain = { graph, optimizer: optimizers.adamw(), objective: [losses.crossEntropy()] };
const dense = sequential({ inputShape: [4] }, [layers.binaryDense({ units: 3 }), layers.dense({ units: 2 })]);
const subject = { code: "argument", what: "a test" } as const;

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

describe("remedies", () => {
  test("of a term over weights that Bop flips do not tell to leave its parameters out", async () => {
    const given = { optimizer: caseOptimizer({ binary: optimizers.bop(), rest: optimizers.adam() }) };
    const bc = sequential({ inputShape: [4] }, [
      layers.binaryDense({ units: 3, weightQuantizer: "bc" }),
      layers.dense({ units: 2 }),
    ]);
    await expect(trainerOf(bc, { ...given, methods: [methods.bdBnn()] })).rejects.toMatchObject({
      code: "argument",
      remedy: expect.stringMatching(/optimizer of latent weights.*method that brings it/),
    });
  });

  test("of a kurtosis of equal weights name what they lack", async () => {
    const trainer = await trainerOf(graph, { methods: [methods.bdBnn()] });
    const kernel = (await trainer.weights()).get("body/kernel") as Float32Array;
    await trainer.setWeights(new Map([["body/kernel", kernel.map(() => 0.5)]]));
    await expect(trainer.fit(data, { epochs: 1, batchSize: 50, validate: false })).rejects.toMatchObject({
      code: "not-finite",
      remedy: expect.stringMatching(/^Weights that are all equal have no kurtosis/),
    });
  });

  test("of CMIM in batches of one name a larger batch and a bank", async () => {
    const alone = sequential({ inputShape: [6, 6, 1] }, [
      layers.flatten(),
      layers.dense({ units: 4 }),
      layers.binaryDense({ units: 3, name: "body" }),
    ]);
    const run = async (bank: number) => {
      const trainer = await trainerOf(alone, { methods: [methods.cmim({ units: 4, bank })] });
      return trainer.fit({ ...data, train: take(data.train, 2) }, { epochs: 1, batchSize: 1, validate: false });
    };
    await expect(run(0)).rejects.toMatchObject({
      code: "argument",
      remedy: expect.stringMatching(/batchSize of 2.*bank/),
    });
    await run(4);
  });
});

describe("a method", () => {
  test("may be an object of a class, whose hooks read their own fields", async () => {
    class Renamed implements Method {
      readonly name = "renamed";
      #name = "mine";
      graph(given: Graph): Graph {
        return { ...given, name: this.#name };
      }
    }
    expect((await trainerOf(graph, { methods: [new Renamed()] })).graph.name).toBe("mine");
  });

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
    ["options that JSON cannot hold", [{ name: "own", options: { size: 1n } }]],
    ["options that JSON would change", [{ name: "own", options: { size: Number.NaN } }]],
    ["options of another kind", [{ name: "own", options: new Map([["size", 1]]) }]],
    ["list of excluded names", [{ name: "own", excludes: ["siman"] }]],
    ["exclusion without a reason", [{ name: "own", excludes: { siman: true } }]],
  ])("are no %s", (_, given) => {
    expect(() => checkMethods(given, subject)).toThrow(/a test/);
  });
});

test.each<[keyof Method, unknown]>([
  ["graph", undefined],
  ["optimizer", "adam"],
  ["objective", losses.crossEntropy()],
  ["objective", Promise.resolve([losses.crossEntropy()])],
])("a hook %s may not give what is none, and the error names the method", (hook, given) => {
  const own = { name: "own", [hook]: () => given } as unknown as Method;
  expect(() => applyMethods([own], plain)).toThrow(new RegExp(`"own": what its ${hook} gives`));
});

test.each<[string, unknown, RegExp]>([
  ["a promise", Promise.resolve({}), /at once/],
  ["a list of tasks", [], /plain object/],
  ["tasks that are no list", { tasks: {} }, /tasks must be a list/],
  ["more than data and tasks", { terms: [] }, /"terms"/],
])("fit may not give %s", (_, given, message) => {
  const own = { name: "own", fit: () => given as MethodWork };
  expect(() => workOf([own], { graph, data, epochs: 1 })).toThrow(message);
});

describe("the registry", () => {
  /** The options that methods have no default of. */
  const needed: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { hardening: { epochs: 4 } };

  test.each(methodNames)("has %s under its name, with its defaults", (name) => {
    const made = methodOf(name, needed[name] ?? {});
    expect(made.name).toBe(name);
    expect(methodOf(name, made.options ?? {}).options).toEqual(made.options);
  });

  test.each(methodNames)("has a text for %s that means the same", (name) => {
    const made = methodOf(name, needed[name] ?? {});
    const [found] = methodsFrom(methodsText([made]));
    expect(found?.options).toEqual(made.options);
  });

  test.each(methodNames)("makes %s again of a checkpoint, whose network and optimizer it has made", (name) => {
    const own = methodOf(name, needed[name] ?? {});
    const searched = name === "qp-sbgd" ? dense : graph;
    const first = applyMethods([own], { ...plain, graph: searched });
    const again = applyMethods([own], { ...first, objective: plain.objective }, first);
    expect([again.graph, again.optimizer]).toEqual([first.graph, first.optimizer]);
    const factsOf = ({ objective }: typeof first) => objective.map(({ name: term, facts }) => [term, facts]);
    expect(factsOf(again)).toEqual(factsOf(first));
  });

  test.each(methodNames)("leaves a frozen layer under %s what it is", (name) => {
    // Hardening by the gap is for quantizers that are soft at first.
    const own = name === "gap-hardening" ? "bnn++" : "bnn";
    const signs = { weightQuantizer: own, activationQuantizer: own } as const;
    // PSTE is for kernels of 3x3, and QP-SBGD for dense layers.
    const layer = (given: { readonly name: string; readonly trainable?: boolean }) =>
      name === "pste"
        ? layers.binaryConv2d({ filters: 4, kernelSize: 3, padding: "same", ...signs, ...given })
        : layers.binaryDense({ units: 4, ...signs, ...given });
    const two = sequential({ inputShape: name === "pste" ? [4, 4, 1] : [4] }, [
      layer({ name: "first", trainable: false }),
      layer({ name: "second" }),
      layers.dense({ units: 2 }),
    ]);
    const kernelOf = ({ nodes }: Graph) => nodes.find((node) => node.name === "first")?.attributes;
    const changed = applyMethods([methodOf(name, needed[name] ?? {})], { ...plain, graph: two }).graph;
    expect(kernelOf(changed)).toEqual(kernelOf(two));
  });

  test("names the nearest of an unknown one, and the options of a known one", () => {
    expect(() => methodOf("two-stop", {})).toThrow(/two-stop/);
    expect(() => methodOf("two-step", { shore: 1 })).toThrow(/shore/);
    expect(() => methods.twoStep({ share: 1 })).toThrow(/method "two-step": share/);
  });
});

describe("the page about methods", () => {
  test.each(methodNames)("has %s with all its options", async (name) => {
    const page = await readFile(new URL("../docs/methods.md", import.meta.url), "utf8");
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));
    const options = row?.split("|").at(-2) ?? "";
    const fields = Object.entries(methodRecords[name]?.fields ?? {});
    for (const [option, { default: usual }] of fields) {
      const dashed = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      const [found, numerator, denominator = "1"] =
        new RegExp(`\`(?:${option}|${dashed})\`(?: ([\\d.e-]+)(?:/(\\d+))?)?`).exec(options) ?? [];
      expect(found, option).toBeDefined();
      if (typeof usual === "number") expect(Number(numerator) / Number(denominator)).toBeCloseTo(usual, 6);
    }
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
    ["two-step:share=0.5,share=0.6", /a second share/],
    ["two-step:depth=3", /depth/],
    ["two-step+two-step", /given twice/],
    ["bd-bnn:teacher=float.safetensors", /takes no teacher/],
    ["bd-bnn:targets=1.2", /which only code can give/],
    ["", /method/],
  ])("%j are refused", (text, message) => {
    expect(() => methodsFrom(text)).toThrow(message);
  });
});
