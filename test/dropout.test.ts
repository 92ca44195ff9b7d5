/**
 * The guarantee: dropout's draws follow from seed, update, layer and element alone. So a run has the same bits with any number
 * of workers, and where it was left; and a trained network is the same as without the layer.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { type Graph, layers, parametersOf, sequential } from "../ts/nn/index.ts";
import { drawsOf } from "../ts/nn/ops/dropout.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { continueFit, fitNetwork, newState } from "../ts/train/run/fit.ts";
import { initialize, pack, readWeights } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, bits, engineWith } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { philox } from "./oracle/ops/dropout.ts";
import { copied, eventsOf, trainerOf } from "./train-helpers.ts";
import { data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const network = (rate: number | null): Graph => {
  const dropped = (name: string) => (rate === null ? [] : [layers.dropout({ rate, name })]);
  return sequential({ inputShape: SHAPE }, [
    ...dropped("first"),
    layers.conv2d({ filters: 7, kernelSize: 3, padding: "same", useBias: false, name: "conv" }),
    ...dropped("second"),
    layers.batchNorm({ name: "norm" }),
    ...dropped("third"),
    layers.binaryConv2d({ filters: 5, kernelSize: 3, name: "signs" }),
    layers.batchNorm({ name: "last" }),
    layers.flatten(),
    ...dropped("fourth"),
    layers.dense({ units: 3, name: "head" }),
  ]);
};

const options = { epochs: 2, batchSize: 13 };

describe("dropout", () => {
  it.each([1, -0.1, 1.5, Number.NaN, "0.5"])("refuses a rate of %j", (rate) => {
    const error = { code: "argument", message: expect.stringContaining("rate must be") };
    expect(() => layers.dropout({ rate } as never)).toThrow(expect.objectContaining(error));
  });

  it("draws otherwise for another seed, layer or update, each below 2^24", () => {
    const draws = [
      drawsOf("drop", { seed: 1, update: 1 }),
      drawsOf("drop", { seed: 2, update: 1 }),
      drawsOf("drops", { seed: 1, update: 1 }),
      drawsOf("drop", { seed: 1, update: 2 }),
      drawsOf("drop", { seed: 1, update: 2 ** 24 + 3 }),
    ];
    expect(new Set(draws.map(String)).size).toBe(draws.length);
    for (const draw of draws) expect(draw.map(Math.fround)).toEqual(draw.map((number) => number % 2 ** 24));
  });

  it("has the known answers of Philox4x32-10 in the oracle", () => {
    // The file kat_vectors of Random123, by the paper's authors.
    expect(philox([0n, 0n, 0n, 0n], [0n, 0n])).toEqual([0x6627e8d5n, 0xe169c58dn, 0xbc57ac4cn, 0x9b00dbd8n]);
    const pi = [0x243f6a88n, 0x85a308d3n, 0x13198a2en, 0x03707344n] as const;
    const answer = [0xd16cfe09n, 0x94fdccebn, 0x5001e420n, 0x24126ea1n];
    expect(philox(pi, [0xa4093822n, 0x299f31d0n])).toEqual(answer);
  });
});

test("any number of workers gives the same bits", async () => {
  const runs = [1, 2, 3].map(async (workers) => {
    const trainer = await trainerOf(network(0.3), { workers });
    for await (const event of trainer.fit(data, options)) expect(Number.isFinite(event.loss)).toBe(true);
    return [...(await trainer.weights())].map(([name, values]) => [name, bits(values)]);
  });
  const [first, ...others] = await Promise.all(runs);
  for (const other of others) expect(other).toEqual(first);
});

test("a run that was left goes on with the same draws", async () => {
  const optimizer = optimizers.sgd({ learningRate: 0.05 });
  const ended = async (events: number): Promise<ReadonlyMap<string, Float32Array>> => {
    const engine = await createEngine(network(0.3), optimizer, pool);
    await initialize(engine, 1);
    const state = newState(1);
    let seen = 0;
    for await (const _ of fitNetwork(engine, optimizer, state, data, options)) if (++seen === events) break;
    if (state.course === null) return readWeights(engine);
    await eventsOf(continueFit(engine, optimizer, copied(state), data, options));
    return readWeights(engine);
  };
  const whole = await ended(Number.POSITIVE_INFINITY);
  for (const events of [1, 3]) expect(await ended(events), `left after ${events}`).toEqual(whole);
});

test("a trained network is what it is without the layer, and its file keeps it", async () => {
  const [graph, plain] = [network(0.3), network(null)];
  expect(parametersOf(graph)).toEqual(parametersOf(plain));
  const weights = randomParameters(graph, 2);
  const split = randomSplit(2, 7, SHAPE, 3);
  const logits = await agreedLogits(pool, graph, weights, split);
  expect(bits(logits)).toEqual(bits(await agreedLogits(pool, plain, weights, split)));
  expect(new Set(logits).size).toBeGreaterThan(3);
  const { graph: packed } = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
  expect(packed.nodes.filter(({ op }) => op === "dropout")).toHaveLength(4);
});
