/**
 * QP-SBGD: a whole step is that of its definition, in f64, where all directions can be tried; no bit depends on workers; files
 * hold plain signs; and what has no signs to search is refused.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods } from "../ts/train/method.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { checkFits } from "../ts/train/optimizers/updates.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const signs = { weightQuantizer: "bnn", activationQuantizer: "bnn" } as const;

/** Layers of signs with so many inputs, between real ones. */
const network = (inputs: number): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.flatten(),
    layers.dense({ units: inputs, useBias: false, name: "stem" }),
    layers.batchNorm(),
    layers.binaryDense({ units: 7, name: "body", ...signs }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);

const rest = optimizers.sgd({ learningRate: 0.05 });

describe("a step", () => {
  test.each([
    ["along the best direction", { learningRate: 0.125 }],
    ["projected", { learningRate: 1.5, projected: true }],
  ])("%s is that of its definition", async (_, options) => {
    const optimizer = caseOptimizer({ binary: optimizers.qpsbgd(options), rest });
    const graph = network(6);
    await expectOracle(pool, { graph, optimizer, images: 8, steps: 2, of: 4 });
    await expectOracle(pool, { graph, optimizer, images: 8, products: "ff" });
  });
});

describe("a run", () => {
  const trained = async (workers: number, sweeps: number, seed = 0) => {
    const method = methods.qpSbgd({ sweeps, learningRate: 0.1 });
    const trainer = await trainerOf(network(40), { methods: [method], optimizer: rest, workers, seed });
    const { epochs } = await trainer.fit(data, { epochs: 2, batchSize: 16, validate: false });
    return { weights: await trainer.weights(), file: await trainer.pack(), epochs };
  };

  test("has the same bits with any number of workers, and others where annealing goes on", async () => {
    const [one, two, short] = [await trained(1, 3), await trained(2, 3), await trained(2, 0)];
    expect(two.weights).toEqual(one.weights);
    expect(two.file).toEqual(one.file);
    expect(short.weights.get("body/kernel")).not.toEqual(one.weights.get("body/kernel"));
    const model = decodeModel(one.file);
    expect(model.parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(network(40).nodes.map(({ op }) => op));
  });

  test("moves each weight by the rate, either way", async () => {
    const trainer = await trainerOf(network(40), {
      optimizer: caseOptimizer({ binary: optimizers.qpsbgd({ learningRate: 0.25 }), rest }),
    });
    const before = (await trainer.weights()).get("body/kernel") as Float32Array;
    await trainer.fit({ ...data, train: data.test }, { epochs: 1, batchSize: 21, validate: false });
    const after = (await trainer.weights()).get("body/kernel") as Float32Array;
    const steps = after.map((weight, i) => Math.abs(weight - (before[i] as number)));
    expect(steps.every((step) => Math.abs(step - 0.25) < 1e-6)).toBe(true);
  });
});

describe("refused", () => {
  const binaryPart = (graph: Graph) => () => checkFits(graph, caseOptimizer({ binary: optimizers.qpsbgd(), rest }));
  const head = (options: Parameters<typeof layers.dense>[0]): Graph =>
    sequential({ inputShape: [4] }, [layers.dense(options)]);

  test.each<[string, () => void, RegExp]>([
    ["convolutions", binaryPart(binary()), /searches signs of dense layers/],
    ["real inputs", binaryPart(head({ units: 3, weightQuantizer: "bnn" })), /signs as inputs/],
    ["soft inputs", binaryPart(head({ units: 3, ...signs, activationQuantizer: "poly+" })), /signs as inputs/],
    ["standardised weights", binaryPart(head({ units: 3, ...signs, weightQuantizer: "recu" })), /none of these/],
    ["real parameters", () => checkFits(network(4), optimizers.qpsbgd()), /is for binary weights/],
    ["a rate below 0", () => optimizers.qpsbgd({ learningRate: -1 }), /learningRate/],
    ["half a sweep", () => optimizers.qpsbgd({ sweeps: 0.5 }), /sweeps/],
    [
      "Bop for the rest",
      () =>
        applyMethods([methods.qpSbgd()], {
          ...{ graph: network(4), objective: [losses.crossEntropy()] },
          optimizer: optimizers.bop(),
        }),
      /cannot move them/,
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
