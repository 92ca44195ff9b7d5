/** Hardening by a task, and the method that hardens once the hard-signed network stops to improve. */
import { describe, expect, test } from "vitest";
import type { Stream } from "../ts/data/dataset.ts";
import { methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizers } from "../ts/quantizers/index.ts";
import type { EpochTask, EpochView } from "../ts/train/run/epoch-task.ts";
import type { SoftNetwork } from "../ts/train/run/evaluate.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { rejected } from "./io-helpers.ts";
import { trainerOf } from "./train-helpers.ts";
import { data, plainSigns, SHAPE } from "./train-networks.ts";

/** A network of which weights and activations are soft until the share `until` of a run. */
const soft = (until: number, own: (options: { readonly hardenAt: number }) => Quantizer = bnnpp): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false }),
    layers.batchNorm(),
    layers.binaryConv2d({
      ...{ filters: 9, kernelSize: 3, name: "body" },
      ...{ weightQuantizer: own({ hardenAt: until }), activationQuantizer: own({ hardenAt: until }) },
    }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);
const bnnpp = ({ hardenAt }: { readonly hardenAt: number }): Quantizer => quantizers.bnnPlusPlus({ beta: 5, hardenAt });

/** A task that hardens behind the epoch `when`. */
const hardening = (when: number): EpochTask => ({
  name: "hardening",
  run: async ({ epoch, harden }) => {
    if (epoch === when) harden();
    return undefined;
  },
});

const options = { epochs: 4, batchSize: 16, validate: false } as const;

describe("a task", () => {
  test.each([
    ["that has a moment of its own later", 0.75],
    ["that would never become one", 1],
  ])("makes signs of a quantizer %s, as that moment would", async (_, until) => {
    const [asked, scheduled] = [await trainerOf(soft(until)), await trainerOf(soft(0.25))];
    await asked.fit(data, { ...options, tasks: [hardening(1)] });
    await scheduled.fit(data, options);
    expect(await asked.weights()).toEqual(await scheduled.weights());
  });

  test("hardens the run that goes on from a checkpoint, and no later call", async () => {
    const store = memoryStore();
    const whole = await trainerOf(soft(1));
    const tasks = [hardening(1)];
    await whole.fit(data, { ...options, tasks });
    const left = await trainerOf(soft(1));
    for await (const { type, epoch } of left.fit(data, {
      ...options,
      tasks,
      checkpoint: { to: store, every: { steps: 1 } },
    })) {
      if (type === "epoch" && epoch === 2) break;
    }
    const resumed = await Trainer.resume(store, { workers: 1 });
    await resumed.continueFit(data, { tasks });
    expect(await resumed.weights()).toEqual(await whole.weights());
    resumed.close();

    const lossOf = async (soft?: SoftNetwork): Promise<number> =>
      (await whole.evaluate(data.test, { batchSize: 16, ...(soft && { soft }) })).loss;
    const own = { statistics: data.train };
    expect(await lossOf(own)).toBe(await lossOf());
    await whole.fit(data, { ...options, epochs: 1 });
    expect(await lossOf(own)).not.toBe(await lossOf());
  });

  test("leaves no soft network to be validated", async () => {
    const trainer = await trainerOf(soft(1));
    const { epochs } = await trainer.fit(data, { ...options, validate: true, soft: true, tasks: [hardening(2)] });
    expect(epochs.map(({ validation }) => validation?.soft !== undefined)).toEqual([true, false, false, false]);
  });

  test("hardens nothing by a view that it kept", async () => {
    const views: EpochView[] = [];
    const keep: EpochTask = { name: "keep", run: async (view) => void views.push(view) };
    const trainer = await trainerOf(soft(1));
    await trainer.fit(data, { ...options, epochs: 1, tasks: [keep] });
    views[0]?.harden();
    const own = { statistics: data.train };
    const softLoss = (await trainer.evaluate(data.test, { batchSize: 16, soft: own })).loss;
    expect(softLoss).not.toBe((await trainer.evaluate(data.test, { batchSize: 16 })).loss);
  });

  test("sees the hard-signed network's own score", async () => {
    const seen: unknown[] = [];
    const look: EpochTask = {
      name: "look",
      run: async ({ evaluate }) => {
        seen.push(await evaluate(data.test));
        return undefined;
      },
    };
    const trainer = await trainerOf(soft(1));
    await trainer.fit(data, { ...options, epochs: 1, tasks: [look] });
    const { loss, accuracy } = await trainer.evaluate(data.test, { batchSize: 16 });
    expect(seen).toEqual([{ loss, accuracy }]);
  });
});

describe("gap-hardening", () => {
  /** The accuracies that the hard-signed network is said to have, and the epochs behind which the method hardens. */
  async function played(
    accuracies: readonly number[],
    { patience = 1, losses = [] as readonly number[], from = 0, saved = null as unknown } = {},
  ) {
    const method = methods.gapHardening({ patience });
    const task = method.fit?.({ graph: soft(0.9), epochs: 10, data }).tasks?.[0] as EpochTask;
    if (saved !== null) task.restore?.(JSON.parse(JSON.stringify(saved)));
    const hardened: number[] = [];
    const told: unknown[] = [];
    for (const [i, accuracy] of accuracies.entries()) {
      const epoch = from + i + 1;
      const evaluate = async () => ({ loss: losses[i] ?? 1, accuracy });
      const view = {
        epoch,
        epochs: 10,
        seed: 1,
        progress: epoch / 10,
        evaluate,
        hardened: hardened.length > 0,
        harden: () => void hardened.push(epoch),
      };
      told.push(await task.run(view as unknown as Parameters<EpochTask["run"]>[0]));
    }
    return { hardened, told, saved: task.save?.() };
  }

  test.each([
    [[0.5, 0.6, 0.7, 0.65, 0.8], 1, [4]],
    [[0.5, 0.6, 0.6, 0.65, 0.8], 1, [3]],
    [[0.5, 0.4, 0.6, 0.55, 0.5, 0.9], 2, [5]],
    [[0.5, 0.6, 0.7], 1, []],
    [[0, 0], 1, [2]],
  ])("of accuracies %j with patience %i hardens behind %j", async (accuracies, patience, expected) => {
    expect((await played(accuracies, { patience })).hardened).toEqual(expected);
  });

  test("holds losses where no answer is right or wrong", async () => {
    const losses = [3, 2, 2.5];
    expect((await played([Number.NaN, Number.NaN, Number.NaN], { losses })).hardened).toEqual([3]);
  });

  test("tells what it saw, and is silent behind it and behind the quantizers' own moment", async () => {
    const { told } = await played([0.5, 0.4, 0.3]);
    expect(told).toEqual([{ loss: 1, accuracy: 0.5, hardened: 0 }, { loss: 1, accuracy: 0.4, hardened: 1 }, undefined]);
    const late = await played([0.5, 0.4], { from: 8 });
    expect([late.told, late.hardened]).toEqual([[undefined, undefined], []]);
  });

  test("goes on with what it carried", async () => {
    const { saved } = await played([0.5, 0.7]);
    expect((await played([0.6], { from: 2, saved })).hardened).toEqual([3]);
    const fresh = await played([]);
    expect((await played([0.1, 0.05], { saved: fresh.saved })).hardened).toEqual([2]);
  });

  test.each([
    "x",
    5,
    [],
    {},
    { best: 0.5 },
    { best: "x", waited: 0 },
    { best: null, waited: -1 },
    { best: 1, waited: 0.5 },
  ])("refuses the state %j", async (saved) => {
    await rejected("checkpoint", played([0.5], { saved }));
  });

  test("sees quantizers that other methods bring, and goes with none that says when weights become binary", async () => {
    const siman = [methods.gapHardening(), methods.siman()];
    const weights = sequential({ inputShape: SHAPE }, [
      layers.flatten(),
      layers.binaryDense({ units: 3, weightQuantizer: bnnpp({ hardenAt: 0.9 }), activationQuantizer: "bnn" }),
    ]);
    await rejected("argument", trainerOf(weights, { methods: siman }));
    const two = await rejected(
      "argument",
      trainerOf(plainSigns(), { methods: [methods.gapHardening(), methods.twoStep()] }),
    );
    expect(two.message).toMatch(/do not go together/);
  });

  test("leaves alone what another task has hardened", async () => {
    const trainer = await trainerOf(soft(1), { methods: [methods.gapHardening({ patience: 9 })] });
    const { epochs } = await trainer.fit(data, { ...options, tasks: [hardening(1)] });
    expect(epochs.map(({ tasks }) => tasks?.["gap-hardening"]?.hardened)).toEqual([0, ...Array(3).fill(undefined)]);
  });

  test("trains to the end in a run", async () => {
    const trainer = await trainerOf(soft(1), { methods: [methods.gapHardening({ examples: 30 })] });
    const { epochs } = await trainer.fit(data, { ...options, epochs: 6 });
    const told = epochs.flatMap(({ tasks }) => (tasks === undefined ? [] : [tasks["gap-hardening"]?.hardened]));
    expect(told.length).toBeLessThan(epochs.length);
    expect(told).toEqual([...Array.from({ length: told.length - 1 }, () => 0), 1]);
  });

  test("refuses a network that is hard from the first step on, and a stream", async () => {
    const { remedy } = await rejected("argument", trainerOf(plainSigns(), { methods: [methods.gapHardening()] }));
    expect(remedy).toMatch(/bnn\+\+/);
    const method = methods.gapHardening();
    const stream = { pass: () => ({}) } as unknown as Stream;
    expect(() => method.fit?.({ graph: soft(0.9), epochs: 2, data: { ...data, train: stream } })).toThrow(/a stream/);
  });
});
