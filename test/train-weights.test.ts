/** Weights that are read and set between steps. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parametersOf } from "../ts/nn/index.ts";
import { quantizer } from "../ts/quantizers/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { readWeights, writeWeights } from "../ts/train/run/trained-weights.ts";
import { sizeOf } from "./oracle/layers.ts";
import { gradientAsUpdate } from "./oracle/trainer.ts";
import { everyProduct } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

describe("weights", () => {
  const graph = everyProduct(quantizer("bnn++"));

  test("come back as they were set, in the order of the graph's parameters", async () => {
    const engine = await createEngine(graph, gradientAsUpdate, pool);
    const weights = randomParameters(graph, 21);
    await writeWeights(engine, weights);
    const read = await readWeights(engine);
    expect([...read.keys()]).toEqual(parametersOf(graph).map(({ name }) => name));
    expect(read).toEqual(weights);
    const one = new Map([["dense/bias", Float32Array.of(1, 2, 3)]]);
    await writeWeights(engine, one);
    expect(await readWeights(engine)).toEqual(new Map([...weights, ...one]));
  });

  test.each([
    ["a name that nobody has", "unknown-name", "conv2d/bias", new Float32Array(5)],
    ["a wrong length", "shape", "dense/bias", new Float32Array(4)],
    ["NaN", "not-finite", "dense/bias", Float32Array.of(0, Number.NaN, 0)],
    ["an infinite number", "not-finite", "dense/bias", Float32Array.of(0, 0, Number.NEGATIVE_INFINITY)],
  ])("%s is refused, and nothing changes", async (_title, code, name, values) => {
    const engine = await createEngine(graph, gradientAsUpdate, pool);
    const weights = randomParameters(graph, 22);
    await writeWeights(engine, weights);
    const good = new Float32Array(weights.get("conv2d/kernel")?.length ?? 0).fill(0.25);
    const change = writeWeights(
      engine,
      new Map([
        ["conv2d/kernel", good],
        [name, values],
      ]),
    );
    await expect(change).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
    expect(await readWeights(engine)).toEqual(weights);
  });

  test("sizes are those of the parameters", () => {
    for (const { name, shape } of parametersOf(graph))
      expect(randomParameters(graph, 1).get(name)?.length).toBe(sizeOf(shape));
  });
});
