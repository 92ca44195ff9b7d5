/**
 * The shares of binary weights that `fit` says were flipped, counted again from the weights. Asking for them changes nothing
 * else.
 */
import { describe, expect, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { createSegment } from "../ts/program/segment.ts";
import { type Quantizer, quantizer } from "../ts/quantizers/index.ts";
import { standardizedWeights } from "../ts/quantizers/weight-quantizers.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createFlipMeter, planFlips } from "../ts/train/plan/flips.ts";
import { layoutParameters } from "../ts/train/plan/layout.ts";
import type { EpochEvent, StepEvent, TrainEvent } from "../ts/train/run/events.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { SHAPE, softening } from "./train-networks.ts";

const data = randomDataset(9, [48, 21], SHAPE, 3);
const epochsOf = (events: readonly TrainEvent[]): EpochEvent[] => events.filter((event) => event.type === "epoch");

describe("flips", () => {
  const kernels = parametersOf(softening()).filter(({ role }) => role === "latent");
  const flipsOf = (before: Float32Array, after: Float32Array): number =>
    before.filter((value, i) => value < 0 !== (after[i] as number) < 0).length;

  test.each([
    ["latent weights", optimizers.sgd({ learningRate: 0.5 })],
    [
      "one optimizer for them alone",
      caseOptimizer({ binary: optimizers.sgd({ learningRate: 2 }), rest: optimizers.adam() }),
    ],
  ])("are those of the weights before and after each step, %s", async (_title, optimizer) => {
    const trainer = await trainerOf(softening(), { optimizer });
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
    const [one, two, none] = [
      await trainerOf(softening()),
      await trainerOf(softening(), { workers: 2 }),
      await trainerOf(softening()),
    ];
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

  test("are each step's own, by layer too, where the workers are sent many steps at once", async () => {
    const optimizer = optimizers.sgd({ learningRate: 0.5 });
    const options = { epochs: 2, batchSize: 4, validate: false, flipRatio: true } as const;
    const [one, many] = [await trainerOf(softening(), { optimizer }), await trainerOf(softening(), { optimizer })];
    const sizes = new Map([...(await one.weights())].map(([name, { length }]) => [name, length]));
    const all = kernels.reduce((sum, { name }) => sum + (sizes.get(name) ?? 0), 0);
    stepsAtOnce("one");
    let before = await one.weights();
    let flipped = new Map<string, number>(kernels.map(({ node }) => [node, 0]));
    const totals: (number | undefined)[] = [];
    for await (const event of one.fit(data, options)) {
      if (event.type === "epoch") {
        const shares = kernels.map(({ node, name }) => [
          node,
          (flipped.get(node) ?? 0) / (12 * (sizes.get(name) ?? 0)),
        ]);
        expect(event.flipRatio?.layers).toEqual(Object.fromEntries(shares));
        const sum = [...flipped.values()].reduce((total, count) => total + count, 0);
        expect(event.flipRatio?.total).toBeCloseTo(sum / (12 * all), 12);
        flipped = new Map(kernels.map(({ node }) => [node, 0]));
        continue;
      }
      const after = await one.weights();
      let own = 0;
      for (const { node, name } of kernels) {
        const flips = flipsOf(before.get(name) ?? new Float32Array(), after.get(name) ?? new Float32Array());
        flipped.set(node, (flipped.get(node) ?? 0) + flips);
        own += flips;
      }
      expect(event.flipRatio).toBe(own / all);
      totals.push(event.flipRatio);
      before = after;
    }
    expect(new Set(totals).size).toBeGreaterThan(6);
    stepsAtOnce("many");
    const events = await eventsOf(many.fit(data, options));
    expect(events.flatMap((event) => (event.type === "step" ? [event.flipRatio] : []))).toEqual(totals);
    expect(await many.weights()).toEqual(await one.weights());
  });

  test("are added up by layer over steps and over the pieces of a layer", () => {
    const graph = sequential({ inputShape: [10, 10, 4] }, [
      layers.flatten(),
      layers.dense({ units: 200, name: "wide", weightQuantizer: "bc" }),
      layers.dense({ units: 10, name: "narrow", weightQuantizer: "bc" }),
    ]);
    const layout = layoutParameters(parametersOf(graph), optimizers.sgd());
    const { counts } = planFlips(graph, layout, createSegment());
    const pieces = counts.map(({ node }) => node);
    expect(pieces.filter((node) => node === "wide").length).toBeGreaterThan(1);
    const meter = createFlipMeter(graph, layout);
    const step = (share: (place: number) => number): number =>
      meter.add(new Uint8Array(Uint32Array.from(pieces, (_, place) => share(place)).buffer));
    const last = pieces.indexOf("narrow");
    const all = 80_000 + 2000;
    // The last piece but one is of the wide layer too.
    expect(step((place) => (place === 0 ? 30 : 0))).toBe(30 / all);
    expect(step((place) => (place === last ? 10 : place === last - 1 ? 6 : 0))).toBe(16 / all);
    expect(step(() => 0)).toBe(0);
    expect(step((place) => (place === last ? 2 : 0))).toBe(2 / all);
    expect(meter.mean()).toEqual({
      total: 48 / (4 * all),
      layers: { wide: 36 / (4 * 80_000), narrow: 12 / (4 * 2000) },
    });
  });

  test.each(["recu", "adabin", "biper", "siman", "dorefa-weights"])(
    "are those of standardised weights, %s",
    async (name) => {
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
    },
  );

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
