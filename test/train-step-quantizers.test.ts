/**
 * The guarantee of `train-step.test.ts` for every quantizer: a step of training does exactly what its definition says,
 * soft and hard, in sums of 8 bits, and where activations end at levels.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { constant, linear, type Quantizer, quantizer, quantizerNames } from "../ts/quantizers/index.ts";
import { learnedNumbers } from "../ts/quantizers/operand-kinds.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { inputOf, randomSplit } from "./oracle/compare.ts";
import { runNetwork } from "./oracle/network.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { startFrom } from "./oracle/training.ts";
import { everyProduct } from "./train-networks.ts";

/** A map that is itself at the end. */
const levels = { forward: "hardTanh", clipLatent: 0, hard: "levels" } as const;

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

describe("every quantizer, on weights, activations and both", () => {
  // What layers learn of scales has no gradient in front of a batch norm (`elastic.test.ts`).
  const others = quantizerNames.filter((name) => learnedNumbers(quantizer(name)).length === 0);
  test.each(others)("%s, three steps as the schedules go", async (name) => {
    await expectOracle(pool, {
      graph: everyProduct(quantizer(name)),
      steps: 3,
      of: 10,
      optimizer: optimizers.sgd({ learningRate: 0.1 }),
    });
  });

  const soft = quantizerNames.filter((name) => quantizer(name).forward !== "sign" && quantizer(name).hard === "sign");
  test.each(soft)("%s, hard from the start", async (name) => {
    await expectOracle(pool, { graph: everyProduct({ ...quantizer(name), hardenAt: 0 }), steps: 1 });
  });

  test("some quantizers start soft", () => {
    expect(soft).toEqual(["pc", "parq", "pq", "rpc", "bnn++", "poly+", "ede+", "biper"]);
  });

  const smooth = { name: "own", hardenAt: 1, clipLatent: 0 } as const;
  const composed = quantizer({
    ...smooth,
    proximal: "piecewiseLinear",
    forward: "tanh",
    backward: "tanhPrime",
    parameters: [linear(0, 0.5), constant(0.125), linear(1, 3)],
  });
  const samples = (f: (x: number) => number): number[] => Array.from({ length: 33 }, (_, i) => f(i / 8 - 2));
  const table = { from: -2, to: 2, forward: samples(Math.atan), backward: samples((x) => 1 / (1 + x * x)) };
  const tabled = quantizer({ ...smooth, forward: "table", backward: "table", parameters: [], table });
  const both = quantizer({ ...tabled, proximal: "tanh", parameters: [constant(2)] });
  test.each([
    ["a proximal map before another", composed],
    ["the slope of a proximal map behind the sign", { ...composed, hardenAt: 0 }],
    ["a table", tabled],
    ["a proximal map before a table", both],
  ])("%s", async (_, choice) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph: everyProduct(choice), steps: 3, of: 10, optimizer });
  });

  test("the forward map turns hard in the middle of a run", async () => {
    const graph = everyProduct({ ...quantizer("bnn++"), hardenAt: 0.5 });
    await expectOracle(pool, { graph, steps: 4, of: 4, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
  });
});

describe("sums in 8 bits", () => {
  /** Products in 8 bits of activations and weights that are mostly +1, so that sums leave them. */
  const narrow = (overflow: "saturate" | "wrap" | null, useBias: boolean, choice: Quantizer): Graph => {
    const operands = { weightQuantizer: choice, activationQuantizer: choice, accumulator: overflow, useBias: false };
    const strided = { kernelSize: [2, 3], strides: 2, padding: "same", padValue: "one" } as const;
    return sequential({ inputShape: [6, 5, 3] }, [
      layers.conv2d({ filters: 67, kernelSize: 3, padding: "same", useBias: false }),
      layers.batchNorm(),
      layers.maxPool2d({ poolSize: 2, strides: 1 }),
      layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", ...operands, name: "narrow" }),
      layers.batchNorm(),
      layers.conv2d({ filters: 5, ...strided, ...operands, useBias }),
      layers.flatten(),
      layers.dense({ units: 9, ...operands }),
      layers.batchNorm(),
      layers.dense({ units: 3 }),
    ]);
  };

  test.each(["saturate", "wrap"] as const)("that %s, three steps", async (overflow) => {
    const optimizer = optimizers.sgd({ learningRate: 0.1 });
    await expectOracle(pool, { graph: narrow(overflow, false, quantizer("poly")), steps: 3, optimizer });
    await expectOracle(pool, { graph: narrow(overflow, true, quantizer("bnn")), steps: 1, optimizer });
  });

  test.each(["saturate", "wrap"] as const)(
    "that %s once the maps are hard, and always in evaluation",
    async (overflow) => {
      const graph = narrow(overflow, false, { ...quantizer("bnn++"), hardenAt: 0.5 });
      await expectOracle(pool, { graph, steps: 3, of: 4, optimizer: optimizers.sgd({ learningRate: 0.1 }) });
    },
  );

  test("whatever products are asked for, they are the sums of the definition", async () => {
    const graph = narrow("saturate", false, quantizer("poly"));
    await expectOracle(pool, { graph, products: "ff" });
  });

  test("the sums of these networks do leave the 8 bits", () => {
    const sums = (["saturate", "wrap", null] as const).map((overflow) => {
      const graph = narrow(overflow, false, quantizer("poly"));
      // With the weights of a network in 8 bits.
      const weights = startFrom(randomParameters(narrow("wrap", false, quantizer("poly")), 1)).weights;
      const split = randomSplit(1, 10, [6, 5, 3], 3);
      return runNetwork(graph, weights, inputOf(split), split.labels, "estimate").values.get("narrow")?.data ?? [];
    });
    const [saturated, wrapped, exact] = sums as [Float64Array, Float64Array, Float64Array];
    const left = exact.filter((sum) => sum < -128 || sum > 127).length;
    expect(left).toBeGreaterThan(exact.length / 20);
    expect(saturated.filter((sum, i) => sum !== exact[i]).length).toBeGreaterThanOrEqual(left);
    expect(wrapped.filter((sum, i) => sum !== exact[i]).length).toBe(left);
    for (const sum of [...saturated, ...wrapped])
      expect(sum === Math.round(sum) && sum >= -128 && sum <= 127).toBe(true);
  });
});

describe("activations that end at levels", () => {
  /** Real, and beside weights that are real, soft and +-1. */
  const onLevels = (weights: string): Graph => {
    const level: Quantizer = { ...quantizer("bnn"), ...levels };
    const operands = { weightQuantizer: weights, activationQuantizer: level } as const;
    return sequential({ inputShape: [5, 4, 3] }, [
      layers.conv2d({ filters: 7, kernelSize: 3, padding: "same", useBias: false }),
      layers.batchNorm(),
      layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", padValue: "one", useBias: false, ...operands }),
      layers.batchNorm(),
      layers.conv2d({ filters: 4, kernelSize: 2, activationQuantizer: level }),
      layers.flatten(),
      layers.dense({ units: 3, ...operands }),
    ]);
  };

  test.each(["bnn", "bnn++", "poly+"])("with weights of %s, three steps and an evaluation", async (weights) => {
    const optimizer = optimizers.sgd({ learningRate: 0.05 });
    await expectOracle(pool, { graph: onLevels(weights), steps: 3, of: 10, optimizer });
  });

  test("are real throughout, to the end of a run", async () => {
    const trainer = await Trainer.create(onLevels("bnn"), { workers: 1 });
    const last = trainer.explain({ progress: 1 }).layers.find(({ op }) => op === "dense");
    trainer.close();
    expect(last).toMatchObject({ forward: { product: "ff" }, weightBits: 1, activationBits: 32 });
    expect(last?.obstacles.map(({ reason }) => reason)).toEqual([
      'the activations of "bnn" are levels: a product of reals',
    ]);
  });
});
