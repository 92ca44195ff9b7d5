/**
 * The guarantees of `fit` and `evaluate` as their callers see them. Events come in a fixed order. A run can be stopped,
 * or ends where it meets numbers that are not finite. The caller's thread and memory are left alone.
 */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../ts/data/dataset.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { productOf } from "../ts/program/call.ts";
import type { Program } from "../ts/program/program.ts";
import { quantizer, schedules } from "../ts/quantizers/index.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import type { EpochEvent, StepEvent, TrainEvent } from "../ts/train/run/events.ts";
import { type FitOptions, fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize } from "../ts/train/run/trained-weights.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE } from "./train-networks.ts";

const real = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.flatten(),
    layers.dense({ units: 12, name: "first" }),
    layers.relu(),
    layers.dense({ units: 3, name: "last" }),
  ]);

const finite = (weights: ReadonlyMap<string, Float32Array>): boolean =>
  [...weights.values()].every((values) => values.every(Number.isFinite));

describe("events", () => {
  test("a step event a step and an epoch event an epoch, in order", async () => {
    const rate = schedules.linear(0.01, 0.001);
    const trainer = await trainerOf(binary(), { optimizer: optimizers.sgd({ learningRate: rate }) });
    const events = await eventsOf(trainer.fit(data, { epochs: 4, batchSize: 16 }));
    const steps = [1, 2, 3].map((step) => ({ type: "step", step, steps: 3 }));
    const wanted = [1, 2, 3, 4].flatMap((epoch) =>
      [...steps, { type: "epoch" }].map((e) => ({ ...e, epoch, epochs: 4 })),
    );
    expect(events).toMatchObject(wanted);
    expect(events).toHaveLength(16);
    const stepEvents = events.filter((event): event is StepEvent => event.type === "step");
    for (const [i, event] of stepEvents.entries()) {
      expect(event.learningRate).toBeCloseTo(0.01 - (0.009 * i) / 12, 12);
      expect(event.loss).toBeGreaterThan(0);
      expect(event.accuracy * 16).toBe(Math.round(event.accuracy * 16));
      expect(event.imagesPerSecond).toBeGreaterThan(0);
      expect(event.secondsLeft).toBeGreaterThanOrEqual(0);
      expect(event.secondsLeft).toBeLessThan(60);
    }
    expect(stepEvents.at(-1)?.secondsLeft).toBe(0);
    expect(stepEvents[0]?.secondsLeft).toBeGreaterThan(0);
    for (const [i, event] of events.filter((e): e is EpochEvent => e.type === "epoch").entries()) {
      const own = stepEvents.slice(3 * i, 3 * i + 3);
      expect(event.loss).toBeCloseTo(
        own.reduce((sum, { loss }) => sum + loss / 3, 0),
        10,
      );
      expect(event.accuracy).toBeCloseTo(
        own.reduce((sum, { accuracy }) => sum + accuracy / 3, 0),
        10,
      );
      expect(event.seconds).toBeGreaterThan(0);
    }
  });

  test("the last epoch's validation is what evaluate says afterwards; without validation there is none", async () => {
    const trainer = await trainerOf(binary());
    const events = await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16 }));
    const { loss, accuracy } = await trainer.evaluate(data.test, { batchSize: 16 });
    expect(events.at(-1)).toMatchObject({ type: "epoch", validation: { loss, accuracy } });
    for (const event of await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16, validate: false }))) {
      expect(event).not.toHaveProperty("validation");
    }
  });

  test("training learns: the loss of separable images falls below a tenth", async () => {
    const trainer = await trainerOf(binary(), { optimizer: optimizers.adam({ learningRate: 0.01 }) });
    // The label is readable from the first third of the pixels: they are dark, grey or bright.
    const images = data.train.images.map((byte, i) =>
      i % 36 < 12 ? 120 * (data.train.labels[Math.floor(i / 36)] as number) : byte,
    );
    const separable: Dataset = { ...data, train: { ...data.train, images } };
    const events = await eventsOf(trainer.fit(separable, { epochs: 60, batchSize: 16, validate: false }));
    const losses = events.filter((event) => event.type === "epoch").map(({ loss }) => loss);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.1);
    expect((await trainer.evaluate(separable.train)).accuracy).toBeGreaterThan(0.9);
  });

  test("hardenAt changes the program: from then on activations are bits", async () => {
    const pool = await createPool({ workers: 1 });
    const programs: Program<number>[] = [];
    const watched = {
      ...pool,
      define: (program: Program<number>) => {
        programs.push(program);
        return pool.define(program);
      },
    };
    const optimizer = optimizers.sgd({});
    const graph = sequential({ inputShape: SHAPE }, [
      layers.conv2d({ filters: 8, kernelSize: 3, useBias: false }),
      layers.batchNorm(),
      layers.binaryConv2d({
        filters: 8,
        kernelSize: 3,
        name: "body",
        activationQuantizer: { ...quantizer("bnn++"), hardenAt: 0.5 },
        weightQuantizer: { ...quantizer("bnn++"), hardenAt: 0.8 },
      }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const engine = await createEngine(graph, optimizer, watched);
    await initialize(engine, 1);
    const state = newState(1);
    const run = fitNetwork(engine, optimizer, state, data, { epochs: 10, batchSize: 50, validate: false });
    const kernels: string[] = [];
    const forwardKernel = (program: Program<number>): string | undefined =>
      program
        .flat(2)
        .find(({ node, part, kernel }) => node === "body" && part === "forward" && productOf(kernel) !== null)?.kernel;
    for await (const event of run) {
      if (event.type !== "step") continue;
      const training = programs.filter((program) => program.flat(2).some(({ part }) => part === "update"));
      kernels.push(forwardKernel(training.at(-1) as Program<number>) ?? "none");
    }
    pool.close();
    expect(kernels).toEqual([
      ...Array(5).fill("ff_conv"),
      ...Array(3).fill("fb_conv"),
      ...Array(2).fill("bb_lookup_conv_real"),
    ]);
  });
});

describe("validation", () => {
  test.each([true, false])("tells how far it is, epoch by epoch (validate: %s)", async (validate) => {
    const trainer = await trainerOf(binary());
    const seen: [number, number][] = [];
    const onValidate = (epoch: number, share: number): unknown => seen.push([epoch, share]);
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 4, validate, onValidate }));
    // Without validation only the end of the run has work to do: the running statistics.
    for (const epoch of validate ? [1, 2] : [2]) {
      const shares = seen.filter(([of]) => of === epoch).map(([, share]) => share);
      expect(shares.length).toBeGreaterThan(1);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect(shares[0]).toBeGreaterThan(0);
      expect(shares.at(-1)).toBe(1);
    }
    expect(new Set(seen.map(([epoch]) => epoch)).size).toBe(validate ? 2 : 1);
  });
});

describe("stopping", () => {
  test("an abort signal stops after the slice of steps in hand; the trainer goes on afterwards", async () => {
    const trainer = await trainerOf(binary());
    const controller = new AbortController();
    const seen: TrainEvent[] = [];
    const train = async (): Promise<void> => {
      for await (const event of trainer.fit(data, { epochs: 1000, batchSize: 16, signal: controller.signal })) {
        seen.push(event);
        if (event.type === "epoch" && event.epoch === 2) controller.abort();
      }
    };
    await expect(train()).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringContaining("epoch 3, after step 0"),
    });
    expect(seen).toHaveLength(8);
    expect(finite(await trainer.weights())).toBe(true);
    expect((await trainer.evaluate(data.test)).images).toBe(21);
    expect(await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }))).toHaveLength(4);
  });

  test("an aborted signal stops fit and evaluate before they begin", async () => {
    const trainer = await trainerOf(binary());
    const before = await trainer.weights();
    const options = { epochs: 1, batchSize: 16, signal: AbortSignal.abort() };
    await expect(trainer.fit(data, options).next()).rejects.toMatchObject({ code: "aborted" });
    await expect(trainer.evaluate(data.test, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(await trainer.weights()).toEqual(before);
  });

  test("who leaves the loop may train again; two runs at once are refused", async () => {
    const trainer = await trainerOf(binary());
    const first = trainer.fit(data, { epochs: 5, batchSize: 16 });
    expect((await first.next()).value).toMatchObject({ type: "step", step: 1 });
    const second = trainer.fit(data, { epochs: 1, batchSize: 16 });
    await expect(second.next()).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/training already/),
    });
    expect((await first.next()).value).toMatchObject({ type: "step", step: 2 });
    await first.return();
    expect(await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }))).toHaveLength(4);
  });

  test("weights, evaluations of other batch sizes and files asked for during a run do not change it", async () => {
    const run = async (disturb: boolean): Promise<{ events: unknown[]; weights: Map<string, Float32Array> }> => {
      const trainer = await trainerOf(binary(), { workers: 2 });
      const events: unknown[] = [];
      const asides: Promise<unknown>[] = [];
      for await (const event of trainer.fit(data, { epochs: 6, batchSize: 16 })) {
        events.push([event.loss, event.accuracy]);
        if (!disturb) continue;
        // Some while the run stands still, some beside it.
        if (events.length % 3 === 0) await trainer.evaluate(data.test, { batchSize: 5 + (events.length % 7) });
        asides.push(trainer.evaluate(data.train, { batchSize: 40 }), trainer.pack(), trainer.weights());
      }
      await Promise.all(asides);
      return { events, weights: await trainer.weights() };
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

describe("bad input", () => {
  const cases: readonly [string, string, Dataset, FitOptions, RegExp][] = [
    ["a batch larger than the data", "data", data, { epochs: 1, batchSize: 51 }, /50 images do not fill a batch of 51/],
    ["no epochs", "argument", data, { epochs: 0 }, /epochs/],
    ["half an epoch", "argument", data, { epochs: 1.5 }, /epochs.*1\.5/],
    ["no labels left", "argument", data, { epochs: 1, labelSmoothing: 1 }, /labelSmoothing .*below 1/],
    ["labels turned round", "argument", data, { epochs: 1, labelSmoothing: -0.1 }, /labelSmoothing .*-0\.1/],
    ["an empty batch", "argument", data, { epochs: 1, batchSize: 0 }, /batchSize/],
    [
      "images of another size",
      "shape",
      randomDataset(1, [20, 20], [6, 5, 1], 3),
      { epochs: 1 },
      /\[6, 6, 1\].*\[6, 5, 1\]/,
    ],
    [
      "test images of another size",
      "shape",
      { ...data, test: randomDataset(1, [9, 9], [5, 6, 1], 3).test },
      { epochs: 1, batchSize: 16 },
      /\[5, 6, 1\]/,
    ],
    [
      "more classes than outputs",
      "data",
      randomDataset(1, [40, 9], SHAPE, 7),
      { epochs: 1, batchSize: 16 },
      /label is 6.*3 outputs/,
    ],
  ];
  test.each(cases)("%s", async (_title, code, dataset, options, message) => {
    const trainer = await trainerOf(binary());
    const before = await trainer.weights();
    await expect(trainer.fit(dataset, options).next()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/.{10}/),
    });
    expect(await trainer.weights()).toEqual(before);
    expect(await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }))).toHaveLength(4);
  });

  test("a network that ends in no vector", async () => {
    const trainer = await trainerOf(sequential({ inputShape: SHAPE }, [layers.conv2d({ filters: 3, kernelSize: 6 })]));
    await expect(trainer.fit(data, { epochs: 1 }).next()).rejects.toMatchObject({
      code: "shape",
      remedy: expect.stringMatching(/flatten/),
    });
    await expect(trainer.evaluate(data.test)).rejects.toMatchObject({
      code: "shape",
      remedy: expect.stringMatching(/flatten/),
    });
  });

  test.each([-1, 0.5, 2 ** 32, Number.NaN])("seed %s", async (seed) => {
    await expect(Trainer.create(binary(), { seed, workers: 1 })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/seed/),
    });
  });

  test("a split made by hand whose parts do not fit together", async () => {
    const trainer = await trainerOf(binary());
    const { test: whole } = data;
    const wrong = {
      code: "data",
      message: expect.stringMatching(/21 labels|20 labels|0 images/),
      remedy: expect.stringMatching(/split\(\)/),
    };
    await expect(trainer.evaluate({ ...whole, count: 22 })).rejects.toMatchObject(wrong);
    await expect(trainer.evaluate({ ...whole, labels: whole.labels.subarray(1) })).rejects.toMatchObject(wrong);
    await expect(trainer.evaluate({ ...whole, images: whole.images.subarray(1) })).rejects.toMatchObject(wrong);
    await expect(trainer.evaluate({ ...whole, count: 0 })).rejects.toMatchObject(wrong);
  });

  test.each([
    ["a name", "adam", /plain object/],
    ["an unknown kind", { ...optimizers.adam(), kind: "adamm" }, /kind is "adamm"/],
    ["a missing number", { kind: "adam", learningRate: 0.1, decoupled: false }, /weightDecay/],
    ["a wrong number", { ...optimizers.sgd(), momentum: 2 }, /momentum/],
    ["a key of the other kind", { ...optimizers.sgd(), beta1: 0.9 }, /beta1/],
  ])("an optimizer that is none: %s", async (_what, optimizer, message) => {
    const options = { optimizer: optimizer as never, workers: 1 };
    await expect(Trainer.create(binary(), options)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(message),
    });
  });

  test("learning rates beyond all reason", () => {
    expect(() => optimizers.sgd({ learningRate: 1e30 })).toThrow(
      expect.objectContaining({ code: "argument", message: expect.stringContaining("1e+30") }),
    );
    expect(() => optimizers.adam({ learningRate: -1 })).toThrow(expect.objectContaining({ code: "argument" }));
  });
});

describe("numbers that are not finite", () => {
  const loud: Dataset = { ...data, train: { ...data.train, scale: 1e30 } };

  test.each([
    [
      "a learning rate of 1e6",
      real,
      { optimizer: optimizers.sgd({ learningRate: 1e6 }) },
      data,
      /layer "(first|last)"/,
    ],
    // ReLU is the first to look at the first product's result.
    ["pixels of 1e32", real, { optimizer: optimizers.sgd({ learningRate: 1 }) }, loud, /layer "(first|relu|last)"/],
    ["pixels of 1e32 into batch norm", binary, {}, loud, /layer "(batch_norm|stem)"/],
    ["pixels of 1e32, two workers", binary, { workers: 2 }, loud, /layer "(batch_norm|stem)"/],
  ] as const)(
    "%s: the run stops, names epoch, step and layer, and leaves finite weights",
    async (_title, graph, options, dataset, layer) => {
      const trainer = await trainerOf(graph(), options);
      let steps = 0;
      const train = async (): Promise<void> => {
        for await (const event of trainer.fit(dataset, { epochs: 100, batchSize: 16, validate: false })) {
          expect(Number.isFinite(event.loss)).toBe(true);
          if (event.type === "step") steps++;
        }
      };
      const error: unknown = await train().catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        code: "not-finite",
        message: expect.stringMatching(layer),
        remedy: expect.stringMatching(/learning rate/),
      });
      const [, epoch, step] = /epoch (\d+), step (\d+)/.exec((error as Error).message) ?? [];
      expect(3 * (Number(epoch) - 1) + Number(step)).toBe(steps + 1);
      expect(finite(await trainer.weights())).toBe(true);
      expect(await trainer.pack()).toBeInstanceOf(Uint8Array);
      expect(Number.isFinite((await trainer.evaluate(data.test)).loss)).toBe(true);
    },
  );

  test("a scale as large as addresses once were is a number like any other", async () => {
    const trainer = await trainerOf(real());
    const strange: Dataset = { ...data, train: { ...data.train, scale: 1.2e12 } };
    const { value } = await trainer.fit(strange, { epochs: 1, batchSize: 16 }).next();
    expect(value).toMatchObject({ type: "step", step: 1 });
    expect(finite(await trainer.weights())).toBe(true);
  });

  test("a failed estimation leaves the statistics as they were", async () => {
    const trainer = await trainerOf(binary());
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }));
    const before = await trainer.weights();
    const infinite = { ...data.train, scale: 1e38 };
    const estimation = trainer.estimateStatistics(infinite, { batchSize: 10 });
    await expect(estimation).rejects.toMatchObject({ code: "not-finite", message: expect.stringMatching(/layer "/) });
    expect(await trainer.weights()).toEqual(before);
  });

  test("after a failure the optimizer begins anew: training goes on as from those weights alone", async () => {
    const optimizer = optimizers.sgd({ learningRate: 0.1, momentum: 0.9 });
    const options = { epochs: 3, batchSize: 50, validate: false };
    const infinite: Dataset = { ...data, train: { ...data.train, scale: 1e38 } };
    const [failed, fresh] = [await trainerOf(real(), { optimizer }), await trainerOf(real(), { optimizer })];
    await eventsOf(failed.fit(data, options));
    await expect(failed.fit(infinite, options).next()).rejects.toMatchObject({ code: "not-finite" });
    await fresh.setWeights(await failed.weights());
    const losses = async (trainer: Trainer): Promise<number[]> =>
      (await eventsOf(trainer.fit(data, options))).filter(({ type }) => type === "step").map(({ loss }) => loss);
    const [given, wanted] = [await losses(failed), await losses(fresh)];
    expect(given).toHaveLength(3);
    // The images of the one batch stand in another order: sums round differently, no more.
    for (const [i, loss] of given.entries()) expect(loss).toBeCloseTo(wanted[i] as number, 5);
    expect(Math.abs((given[0] as number) - (given[2] as number))).toBeGreaterThan(1e-3);
  });

  test("a failure in the very first step leaves the weights as they were, and training can begin anew", async () => {
    const trainer = await trainerOf(binary());
    const before = await trainer.weights();
    const infinite: Dataset = { ...data, train: { ...data.train, scale: 1e38 } };
    await expect(trainer.fit(infinite, { epochs: 1, batchSize: 16 }).next()).rejects.toMatchObject({
      code: "not-finite",
    });
    expect(await trainer.weights()).toEqual(before);
    const again = await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16 }));
    expect(again).toHaveLength(8);
    for (const event of again) expect(Number.isFinite(event.loss)).toBe(true);
  });
});

describe("evaluate", () => {
  test("counts every image once, however many fit a batch", async () => {
    const trainer = await trainerOf(binary());
    await eventsOf(trainer.fit(data, { epochs: 3, batchSize: 16 }));
    const wanted = await trainer.evaluate(data.train, { batchSize: 1 });
    expect(wanted.images).toBe(50);
    const right = wanted.predictions.filter((k, i) => k === data.train.labels[i]).length;
    expect(wanted.accuracy).toBe(right / 50);
    expect(new Set(wanted.predictions).size).toBeGreaterThan(1);
    for (const batchSize of [3, 7, 16, 49, 50, 51, 128]) {
      const progress: [number, number][] = [];
      const options = { batchSize, onProgress: (images: number, of: number) => progress.push([images, of]) };
      const result = await trainer.evaluate(data.train, options);
      expect(result.predictions).toEqual(wanted.predictions);
      expect(result.accuracy).toBe(wanted.accuracy);
      expect(result.loss).toBeCloseTo(wanted.loss, 12);
      expect(progress.at(-1)).toEqual([50, 50]);
      expect(progress.map(([images]) => images)).toEqual(progress.map(([images]) => images).toSorted((a, b) => a - b));
    }
  });

  test("changes nothing", async () => {
    const trainer = await trainerOf(binary());
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }));
    const [weights, file] = [await trainer.weights(), await trainer.pack()];
    await trainer.evaluate(data.test, { batchSize: 4 });
    expect(await trainer.weights()).toEqual(weights);
    expect(Buffer.compare(await trainer.pack(), file)).toBe(0);
  });

  test("estimateStatistics sets the statistics and nothing else", async () => {
    const trainer = await trainerOf(binary());
    const before = await trainer.weights();
    await trainer.estimateStatistics(data.train, { batchSize: 25 });
    for (const [name, values] of await trainer.weights()) {
      if (/moving/.test(name)) expect(values, name).not.toEqual(before.get(name));
      else expect(values, name).toEqual(before.get(name));
    }
    await expect(trainer.estimateStatistics(data.test, { batchSize: 22 })).rejects.toMatchObject({ code: "data" });
  });
});
