/**
 * A run reports how it ended, in comparisons and in `proxbit train`. Its numbers are those of its last epoch. All
 * networks here change from epoch to epoch, and so do their accuracies.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createOutput } from "../ts/cli/output.ts";
import { runTraining } from "../ts/cli/training.ts";
import { runsOf, type Settings } from "../ts/compare/grid.ts";
import { type RunResult, readRun } from "../ts/compare/run-file.ts";
import { runGrid } from "../ts/compare/run-grid.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { quantizers } from "../ts/quantizers/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import type { EpochEvent, TrainEvent } from "../ts/train/run/events.ts";
import { withFolder } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { SHAPE } from "./train-networks.ts";

/** Tested on the images of training, so that accuracies rise. */
const random = randomDataset(9, [48, 21], SHAPE, 3);
const data = { ...random, test: random.train };
const optimizer = optimizers.adam({ learningRate: 0.02 });

/** Weights that are soft until the share `hardenAt` of a run. */
const network = (hardenAt: number): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.flatten(),
    layers.binaryDense({
      units: 24,
      weightQuantizer: quantizers.bnnPlusPlus({ hardenAt }),
      activationQuantizer: null,
    }),
    layers.batchNorm(),
    layers.dense({ units: 3 }),
  ]);

describe("a run of a comparison", () => {
  const settings: Settings = {
    data: { name: "random", trainImages: 48, testImages: 48, sha256: "00" },
    model: { name: "own", inputShape: SHAPE, classes: 3 },
    epochs: 3,
    batchSize: 16,
    optimizer: { name: "adam", learningRate: 0.02, decay: "none" },
  };
  const runs = runsOf({ settings, quantizers: ["bnn++"], tasks: ["bw"], seeds: [1] });

  const done = (hardenAt: number): Promise<{ result: RunResult; events: readonly EpochEvent[] }> =>
    withFolder(async (directory) => {
      const events: EpochEvent[] = [];
      const signal = new AbortController().signal;
      const work = { runs, data, graphOf: () => network(hardenAt), optimizer, directory, workers: 1, signal };
      for await (const event of runGrid(work)) if (event.type === "epoch") events.push(event.event);
      const [run] = runs;
      if (run === undefined) throw new Error("the grid has no run");
      const result = (await readRun(directory, run))?.result;
      if (!result) throw new Error("the run has no result");
      return { result, events };
    });

  it("has accuracy, loss and soft accuracy of its last epoch", async () => {
    const { result, events } = await done(1);
    const accuracies = events.map(({ validation }) => validation?.soft?.accuracy);
    expect(new Set(accuracies).size).toBe(3);
    expect(new Set(events.map(({ validation }) => validation?.accuracy)).size).toBe(3);
    const last = events.at(-1)?.validation;
    expect(result).toMatchObject({
      softAccuracy: last?.soft?.accuracy,
      testAccuracy: last?.accuracy,
      testLoss: last?.loss,
    });
    expect(result.epochs).toEqual(
      events.map(({ loss, accuracy, validation }) => ({
        ...{ loss, accuracy, testLoss: validation?.loss, testAccuracy: validation?.accuracy },
        softAccuracy: validation?.soft?.accuracy,
      })),
    );
  });

  it("has no soft accuracy where it was hard at its end, though it was soft before", async () => {
    const { result, events } = await done(0.7);
    expect(events.map(({ validation }) => validation?.soft !== undefined)).toEqual([true, true, false]);
    expect(result.softAccuracy).toBeNull();
    expect(result.epochs.map(({ softAccuracy }) => softAccuracy !== undefined)).toEqual([true, true, false]);
  });
});

describe("proxbit train", () => {
  it("ends with the soft accuracy of the last epoch that was soft, and the flips and accuracy of the last one", () =>
    withFolder(async (folder) => {
      const output = createOutput(true);
      const events: EpochEvent[] = [];
      const keep = (event: object): void => {
        if ((event as TrainEvent).type === "epoch") events.push(event as EpochEvent);
      };
      const context = {
        output: { ...output, text: () => {}, event: keep },
        signal: new AbortController().signal,
        exitWith: () => {},
      };
      const run = { graph: network(0.7), data, optimizer, epochs: 3, batchSize: 16, workers: 1, seed: 1 };
      const own = { ...run, flipRatio: true, profile: false, file: join(folder, "model.safetensors") };
      const result = await runTraining(own, context);
      const [first, second, third] = events;
      expect(first?.validation?.soft?.accuracy).not.toBe(second?.validation?.soft?.accuracy);
      expect(third?.validation?.soft).toBeUndefined();
      expect(result.soft).toEqual({
        epoch: 2,
        softAccuracy: second?.validation?.soft?.accuracy,
        hardAccuracy: second?.validation?.accuracy,
      });
      expect(first?.flipRatio).not.toEqual(third?.flipRatio);
      expect(result.flipRatio).toEqual(third?.flipRatio);
      expect(first?.validation?.accuracy).not.toBe(third?.validation?.accuracy);
      expect(result.evaluation.accuracy).toBe(third?.validation?.accuracy);
    }));
});
