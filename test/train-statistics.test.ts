/** The statistics of batch norm, by training and by estimation, beside the hard-signed network's in the oracle. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Graph, shuffle } from "../ts/nn/index.ts";
import { quantizer } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { estimateStatistics } from "../ts/train/run/evaluate.ts";
import type { StepEvent } from "../ts/train/run/events.ts";
import { fitNetwork, newState } from "../ts/train/run/fit.ts";
import { readWeights, writeWeights } from "../ts/train/run/trained-weights.ts";
import { expectClose, inputOf, longestSum, randomDataset, randomSplit } from "./oracle/compare.ts";
import type { Moments } from "./oracle/layers.ts";
import { runNetwork } from "./oracle/network.ts";
import { gradientAsUpdate } from "./oracle/trainer.ts";
import { runningStatistics, startFrom } from "./oracle/training.ts";
import { everyProduct } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

describe("running statistics", () => {
  test("fit ends with those of the hard-signed network", async () => {
    const graph = everyProduct(quantizer("bnn++"));
    const optimizer = optimizers.sgd({ learningRate: 0.05 });
    const data = randomDataset(5, [12, 4], [6, 5, 3], 3);
    const engine = await createEngine(graph, optimizer, pool);
    await writeWeights(engine, randomParameters(graph, 5));
    const state = newState(1);
    const events: StepEvent[] = [];
    for await (const event of fitNetwork(engine, optimizer, state, data, {
      epochs: 2,
      batchSize: 12,
      validate: false,
    })) {
      if (event.type === "step") events.push(event);
    }
    expect(events).toHaveLength(2);
    const weights = await readWeights(engine);
    const { moments, margin } = runNetwork(
      graph,
      startFrom(weights).weights,
      inputOf(data.train),
      data.train.labels,
      "estimate",
    );
    expect(margin).toBeGreaterThan(1e-6);
    expect(moments.size).toBe(3);
    for (const [name, own] of moments) {
      const { mean, variance } = runningStatistics(own);
      expectClose(weights.get(`${name}/movingMean`) ?? [], mean, longestSum(graph, 12), `mean of ${name}`);
      expectClose(weights.get(`${name}/movingVariance`) ?? [], variance, longestSum(graph, 12), `variance of ${name}`);
    }
  });
});

describe("estimated statistics", () => {
  const SIZE = 4;
  const NORMS = ["batch_norm", "batch_norm_1", "batch_norm_2"];

  /**
   * Images and weights whose batches keep their margin in the oracle, in the seed's order, and the oracle's numbers.
   */
  function batchesOf(graph: Graph, count: number) {
    for (let seed = 6; seed < 30; seed++) {
      const [train, weights] = [randomSplit(seed, SIZE * count + 2, [6, 5, 3], 3), randomParameters(graph, seed)];
      const order = shuffle(train.count, 5, 0xffffffff);
      const images = Uint8Array.from([...order].flatMap((i) => [...train.images.subarray(90 * i, 90 * (i + 1))]));
      const batches = Array.from({ length: count }, (_, i) => {
        const batch = inputOf({ ...train, images }, SIZE * i, SIZE);
        return runNetwork(graph, startFrom(weights).weights, batch, train.labels, "estimate");
      });
      if (Math.min(...batches.map(({ margin }) => margin)) > 1e-6) return { train, weights, batches };
    }
    throw new Error("no data keep the margin");
  }

  // Workers are sent eight batches at once: one, two, three and four messages. The last of them has one batch alone.
  test.each([
    [3, 64],
    [9, 64],
    [17, 64],
    [25, 64],
    [25, 10],
  ])(
    "are the means over %i batches, at most %s of them, each hard-signed, in the order of the seed",
    async (of, most) => {
      const graph = everyProduct(quantizer("bnn++"));
      const { train, weights, batches } = batchesOf(graph, of);
      const engine = await createEngine(graph, gradientAsUpdate, pool);
      await writeWeights(engine, weights);
      const progress: number[] = [];
      const onProgress = (done: number): unknown => progress.push(done);
      await estimateStatistics(engine, 5, train, { batchSize: SIZE, onProgress, batches: most });
      const used = batches.slice(0, most);
      expect(progress.at(-1)).toBe(used.length);
      const now = await readWeights(engine);
      for (const name of NORMS) {
        const each = used.map(({ moments }) => runningStatistics(moments.get(name) as Moments));
        for (const [suffix, which] of [
          ["movingMean", "mean"],
          ["movingVariance", "variance"],
        ] as const) {
          const wanted = each[0]?.[which].map((_, c) =>
            each.reduce((sum, batch) => sum + (batch[which][c] as number) / used.length, 0),
          );
          expectClose(
            now.get(`${name}/${suffix}`) ?? [],
            wanted ?? [],
            longestSum(graph, SIZE),
            `${suffix} of ${name}`,
          );
        }
      }
    },
  );

  test("are over 64 batches where nothing else is said", async () => {
    const graph = everyProduct(quantizer("bnn++"));
    const train = randomSplit(7, 70, [6, 5, 3], 3);
    const statistics = async (batches?: number): Promise<unknown> => {
      const engine = await createEngine(graph, gradientAsUpdate, pool);
      await writeWeights(engine, randomParameters(graph, 7));
      await estimateStatistics(engine, 5, train, { batchSize: 1, ...(batches && { batches }) });
      return readWeights(engine);
    };
    const usual = await statistics();
    expect(usual).toEqual(await statistics(64));
    expect(usual).not.toEqual(await statistics(65));
  });
});
