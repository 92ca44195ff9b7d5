/**
 * What `fit` and `evaluate` say beside the hard accuracy: that of the soft network, by the oracle, and how many binary
 * weights were flipped, counted again from the weights. Asking for either changes nothing else.
 */
import { describe, expect, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { type Graph, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { type Quantizer, quantizer, quantizers } from "../ts/quantizers/index.ts";
import { standardizedWeights } from "../ts/quantizers/weights.ts";
import type { EpochEvent, StepEvent, TrainEvent } from "../ts/train/events.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers.ts";
import type { Trainer, TrainerOptions } from "../ts/train/trainer.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import type { Moments } from "./oracle/layers.ts";
import { runNetwork, type Weights } from "./oracle/network.ts";
import { runningStatistics, startFrom } from "./oracle/training.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(9, [48, 21], SHAPE, 3);

/** Weights soft until 60 in 100 of a run, activations until 30. */
const network = (): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryConv2d({
      filters: 9,
      kernelSize: 3,
      name: "body",
      weightQuantizer: quantizers.bnnPlusPlus({ hardenAt: 0.6 }),
      activationQuantizer: quantizers.polyPlus({ hardenAt: 0.3 }),
    }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 12, name: "hidden", weightQuantizer: "bc", activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const softTrainer = (options: TrainerOptions = {}): Promise<Trainer> => trainerOf(network(), options);

const epochsOf = (events: readonly TrainEvent[]): EpochEvent[] => events.filter((event) => event.type === "epoch");

/** The oracle's soft network at `progress`, over statistics of all training images at once. */
function oracle(trained: ReadonlyMap<string, Float32Array>, progress: number): ReturnType<typeof runNetwork> {
  const graph = network();
  const { weights } = startFrom(trained);
  const { moments } = runNetwork(graph, weights, inputOf(data.train), data.train.labels, "estimate", progress, 0, true);
  const running = [...moments].flatMap(([name, own]) => {
    const { mean, variance } = runningStatistics(own as Moments);
    return [
      [`${name}/movingMean`, mean],
      [`${name}/movingVariance`, variance],
    ] as const;
  });
  const whole: Weights = new Map([...weights, ...running]);
  return runNetwork(graph, whole, inputOf(data.test), data.test.labels, "evaluate", progress, 0, true);
}

describe("the soft network", () => {
  const statistics = data.train;

  test.each([0, 0.4, 0.8])("at %f is that of the oracle, and what was there is put back", async (progress) => {
    const trainer = await softTrainer({ optimizer: optimizers.sgd({ learningRate: 0.05 }) });
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16, validate: false }));
    const before = await trainer.weights();
    const options = { batchSize: 48, soft: { statistics, progress } };
    const found = await trainer.evaluate(data.test, options);
    const wanted = oracle(before, progress);
    expect(wanted.margin).toBeGreaterThan(1e-6);
    expect(found.loss).toBeCloseTo(wanted.loss, 4);
    expect([...found.predictions]).toEqual(wanted.predictions);
    expect(await trainer.weights()).toEqual(before);
    await trainer.estimateStatistics(statistics, { batchSize: 48 });
    const hard = await trainer.evaluate(data.test);
    if (progress < 0.6) expect(Math.abs(hard.loss - found.loss)).toBeGreaterThan(1e-3);
    else expect(found.loss).toBeCloseTo(hard.loss, 6);
  });

  test("stands where the last call of fit stopped, if nothing else is said", async () => {
    const trainer = await softTrainer();
    const run = trainer.fit(data, { epochs: 4, batchSize: 48, validate: false });
    for await (const event of run) if (event.type === "epoch" && event.epoch === 2) break;
    const soft = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics } });
    const same = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics, progress: 0.5 } });
    expect(soft.loss).toBe(same.loss);
    const other = await trainer.evaluate(data.test, { batchSize: 48, soft: { statistics, progress: 0 } });
    expect(other.loss).not.toBe(same.loss);
  });

  test("is validated while it is another, and makes no difference to the run", async () => {
    const [asked, unasked] = [await softTrainer(), await softTrainer()];
    const beside = epochsOf(await eventsOf(asked.fit(data, { epochs: 5, batchSize: 16 })));
    const alone = epochsOf(await eventsOf(unasked.fit(data, { epochs: 5, batchSize: 16, soft: false })));
    expect(beside.map(({ validation }) => validation?.soft !== undefined)).toEqual([true, true, false, false, false]);
    expect(alone.every(({ validation }) => validation !== undefined && !("soft" in validation))).toBe(true);
    const hard = ({ validation, loss }: EpochEvent): unknown => [loss, validation?.loss, validation?.accuracy];
    expect(beside.map(hard)).toEqual(alone.map(hard));
    expect(await asked.weights()).toEqual(await unasked.weights());
    for (const { validation } of beside.slice(0, 2)) expect(validation?.soft?.loss).not.toBe(validation?.loss);
  });

  test("is not evaluated while its trainer trains, or twice at once", async () => {
    const trainer = await softTrainer();
    const soft = { batchSize: 48, soft: { statistics } };
    const run = trainer.fit(data, { epochs: 1, batchSize: 16, validate: false });
    await run.next();
    await expect(trainer.evaluate(data.test, soft)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/soft network/),
    });
    for await (const _ of run);
    const first = trainer.evaluate(data.test, soft);
    await expect(trainer.evaluate(data.test, soft)).rejects.toMatchObject({ code: "argument" });
    await expect(trainer.fit(data, { epochs: 1, batchSize: 16 }).next()).rejects.toMatchObject({ code: "argument" });
    const { loss } = await first;
    expect((await trainer.evaluate(data.test, soft)).loss).toBe(loss);
  });

  test("its share of the validation is in the progress", async () => {
    const trainer = await softTrainer();
    const shares = new Map<number, number[]>();
    const onValidate = (epoch: number, share: number): unknown =>
      shares.set(epoch, [...(shares.get(epoch) ?? []), share]);
    await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 4, onValidate }));
    const [first, second] = [shares.get(1) ?? [], shares.get(2) ?? []];
    expect(first).toEqual(first.toSorted((a, b) => a - b));
    expect([first.at(-1), second.at(-1)]).toEqual([1, 1]);
    expect(first.length).toBeGreaterThan(second.length);
  });

  test.each([
    [{ statistics, progress: 2 }, "progress"],
    [{ progress: 0 }, "statistics"],
    [{ statistics, when: 0 }, "when"],
  ])("refuses %o", async (soft, named) => {
    const trainer = await softTrainer();
    const evaluated = trainer.evaluate(data.test, { soft } as Parameters<Trainer["evaluate"]>[1]);
    await expect(evaluated).rejects.toMatchObject({ code: "argument", message: expect.stringContaining(named) });
  });
});

describe("flips", () => {
  const kernels = parametersOf(network()).filter(({ role }) => role === "latent");
  const flipsOf = (before: Float32Array, after: Float32Array): number =>
    before.filter((value, i) => value < 0 !== (after[i] as number) < 0).length;

  test.each([
    ["latent weights", optimizers.sgd({ learningRate: 0.5 })],
    [
      "one optimizer for them alone",
      caseOptimizer({ binary: optimizers.sgd({ learningRate: 2 }), rest: optimizers.adam() }),
    ],
  ])("are those of the weights before and after each step, %s", async (_title, optimizer) => {
    const trainer = await softTrainer({ optimizer });
    let before = await trainer.weights();
    let seen = 0;
    const totals: number[] = [];
    for await (const event of trainer.fit(data, { epochs: 4, batchSize: 48, validate: false, flipRatio: true })) {
      if (event.type === "step") {
        totals.push(event.flipRatio as number);
        continue;
      }
      const after = await trainer.weights();
      const counts = kernels.map(({ name }) =>
        flipsOf(before.get(name) ?? new Float32Array(), after.get(name) ?? new Float32Array()),
      );
      const sizes = kernels.map(({ name }) => after.get(name)?.length ?? 0);
      const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
      expect(event.flipRatio?.total).toBeCloseTo(sum(counts) / sum(sizes), 12);
      expect(totals.at(-1)).toBeCloseTo(sum(counts) / sum(sizes), 12);
      const shares = kernels.map(({ node }, i) => [node, (counts[i] as number) / (sizes[i] as number)]);
      expect(event.flipRatio?.layers).toEqual(Object.fromEntries(shares));
      seen += sum(counts);
      before = after;
    }
    expect(seen).toBeGreaterThan(5);
  });

  test("an epoch's are the mean of its steps', with any number of workers, and change nothing", async () => {
    const options = { epochs: 2, batchSize: 16, validate: false } as const;
    const [one, two, none] = [await softTrainer(), await softTrainer({ workers: 2 }), await softTrainer()];
    const events = await eventsOf(one.fit(data, { ...options, flipRatio: true }));
    const again = await eventsOf(two.fit(data, { ...options, flipRatio: true }));
    for (const [i, { flipRatio }] of epochsOf(events).entries()) {
      const steps = events.filter((event): event is StepEvent => event.type === "step" && event.epoch === i + 1);
      const mean = steps.reduce((sum, step) => sum + (step.flipRatio ?? Number.NaN), 0) / steps.length;
      expect(flipRatio?.total).toBeCloseTo(mean, 12);
      expect(epochsOf(again)[i]?.flipRatio).toEqual(flipRatio);
    }
    const plain = await eventsOf(none.fit(data, options));
    expect(plain.every((event) => !("flipRatio" in event))).toBe(true);
    expect(await none.weights()).toEqual(await one.weights());
  });

  test.each(["recu", "adabin", "biper", "dorefa-weights"])("are those of standardised weights, %s", async (name) => {
    const graph = sequential({ inputShape: SHAPE }, [
      layers.conv2d({ filters: 9, kernelSize: 3, name: "body", useBias: false, weightQuantizer: name }),
      layers.batchNorm(),
      layers.flatten(),
      layers.dense({ units: 3, name: "head" }),
    ]);
    const trainer = await trainerOf(graph, { seed: 4, optimizer: optimizers.sgd({ learningRate: 0.5 }) });
    const body = graph.nodes.find((node) => node.name === "body");
    const own = body?.op === "conv2d" ? (body.attributes.weightQuantizer as Quantizer) : quantizer("bc");
    const signed = async (): Promise<Float64Array> => {
      const latent = (await trainer.weights()).get("body/kernel") ?? new Float32Array();
      return standardizedWeights(own, latent, 9).value;
    };
    let before = await signed();
    let [seen, plain] = [0, 0];
    for await (const event of trainer.fit(data, { epochs: 6, batchSize: 48, validate: false, flipRatio: true })) {
      if (event.type === "step") continue;
      const after = await signed();
      const flips = before.filter((value, i) => value < 0 !== (after[i] as number) < 0).length;
      expect(event.flipRatio).toEqual({ total: flips / after.length, layers: { body: flips / after.length } });
      seen += flips;
      plain += after.length;
      before = after;
    }
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(plain);
  });

  test("are none of a network without binary weights", async () => {
    const graph = sequential({ inputShape: SHAPE }, [layers.flatten(), layers.dense({ units: 3 })]);
    const trainer = await trainerOf(graph);
    const run = eventsOf(trainer.fit(data, { epochs: 1, flipRatio: true, batchSize: 16 }));
    await expect(run).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("no binary weights"),
    });
    // Nothing has begun: the file does not name a data set that the network has not seen.
    expect(decodeModel(await trainer.pack()).metadata).not.toHaveProperty("dataset");
  });
});
