/**
 * Methods that act on weights: a whole step of each is that of its definition, in f64; no bit depends on workers; files hold
 * plain signs and nothing of the method.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import { methods } from "../ts/methods/index.ts";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { networkOf } from "../ts/nn/network.ts";
import { isProduct } from "../ts/nn/nodes.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { applyMethods, type Method } from "../ts/train/method.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { trainerOf } from "./train-helpers.ts";
import { binary, data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const graph = binary();
const optimizer = optimizers.sgd({ learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 });
const plain = { graph, optimizer, objective: [losses.crossEntropy()] };
const changedBy = (method: Method, given = plain) => applyMethods([method], given);

/** The weight quantizer of "body", the one binary layer. */
function quantizerOf(changed: Graph) {
  const node = networkOf(changed).nodes.get("body");
  return node !== undefined && isProduct(node) ? node.attributes.weightQuantizer : null;
}

/** Two epochs, with so many workers. */
async function trained(method: Method, workers: number) {
  const trainer = await trainerOf(graph, { methods: [method], optimizer, workers });
  const { epochs } = await trainer.fit(data, { epochs: 2, batchSize: 16, validate: false });
  return { weights: await trainer.weights(), file: await trainer.pack(), epochs };
}

/** The same bits from one worker and from two; a file that holds signs, and the nodes of the network without the method. */
async function expectSound(method: Method) {
  const [one, two] = [await trained(method, 1), await trained(method, 2)];
  expect(two.weights).toEqual(one.weights);
  expect(two.file).toEqual(one.file);
  const model = decodeModel(one.file);
  expect(model.parameters.get("body/kernel")).toBeInstanceOf(Uint8Array);
  expect(model.graph.nodes.map(({ name }) => name)).toEqual(graph.nodes.map(({ name }) => name));
  return one;
}

describe("SiMaN", () => {
  test.each([[0], [15], [25]])("does the steps of its definition from the percentile %s", async (percentile) => {
    const changed = changedBy(methods.siman({ percentile }));
    await expectOracle(pool, { graph: changed.graph, optimizer: changed.optimizer, steps: 3, of: 6 });
  });

  test("packs as many +1 as -1", async () => {
    const { file } = await expectSound(methods.siman());
    const bits = decodeModel(file).parameters.get("body/kernel") as Uint8Array;
    const ones = [...bits].reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    // Eight filters of 72 weights.
    expect(ones).toBe(8 * 36);
  });

  test("leaves its weights out of decay, and no others", () => {
    expect(changedBy(methods.siman()).optimizer).toMatchObject({ weightDecay: 0.01, noDecay: ["body/kernel"] });
    const binaryPart = caseOptimizer({ binary: optimizers.adamw(), rest: optimizers.adamw() });
    expect(changedBy(methods.siman(), { ...plain, optimizer: binaryPart as never }).optimizer).toMatchObject({
      binary: { noDecay: ["body/kernel"] },
      rest: { weightDecay: 4e-3 },
    });
    expect(quantizerOf(changedBy(methods.siman()).graph)).toMatchObject({ name: "siman", standardize: "magnitude" });
  });

  test("is refused beside another word about the weights, and without binary ones", () => {
    expect(() => applyMethods([methods.siman()], { ...plain, graph: real })).toThrow(/trains none/);
    expect(methods.siman().excludes).toHaveProperty("biper");
  });
});

const real = sequential({ inputShape: [4] }, [layers.dense({ units: 3 })]);

describe("BiPer", () => {
  test.each([
    ["one", 2 / 3],
    ["two", 0.01],
  ])("does the steps of stage %s", async (_, share) => {
    const changed = changedBy(methods.biper({ omega: 5, share, tau: 0 }));
    await expectOracle(pool, { graph: changed.graph, optimizer: changed.optimizer, steps: 3, of: 6 });
  });

  test("divides activations in training alone, and tells its term", async () => {
    const { epochs } = await expectSound(methods.biper({ tau: 0.5 }));
    const { biper = 0 } = epochs[0]?.terms ?? {};
    expect(biper).toBeGreaterThan(0);
    expect(biper).toBeLessThan(0.5);
    expect(changedBy(methods.biper()).graph.nodes.map(({ op }) => op)).toContain("unitDeviation");
    expect(changedBy(methods.biper({ deviation: false })).graph.nodes).toHaveLength(graph.nodes.length);
  });

  test("divides activations that are signs about 0 alone, so that evaluations agree with steps", () => {
    const reads = (activationQuantizer: string) =>
      sequential({ inputShape: [8] }, [
        layers.dense({ units: 6, useBias: false, weightQuantizer: "bnn", activationQuantizer, name: "own" }),
        layers.batchNorm(),
        layers.dense({ units: 3 }),
      ]);
    const divided = (activationQuantizer: string): boolean =>
      changedBy(methods.biper(), { ...plain, graph: reads(activationQuantizer) }).graph.nodes.some(
        ({ op }) => op === "unitDeviation",
      );
    for (const name of ["bnn", "poly", "ede", "rbnn-activations"]) expect(divided(name), name).toBe(true);
    for (const name of ["dorefa-activations", "dorefa-activations-2", "elastic", "elastic-unit", "poly+"]) {
      expect(divided(name), name).toBe(false);
    }
  });

  test("leaves frozen layers without a scale", () => {
    const frozen = sequential({ inputShape: SHAPE }, [
      layers.flatten(),
      layers.dense({ units: 6, weightQuantizer: "bnn", name: "first", trainable: false }),
      layers.dense({ units: 3, weightQuantizer: "bnn", name: "last" }),
    ]);
    for (const method of [methods.biper(), methods.rbnn()]) {
      const { nodes } = changedBy(method, { ...plain, graph: frozen }).graph;
      expect(nodes.flatMap(({ op, name }) => (op === "layerScale" ? [name] : []))).toEqual(["last_scale"]);
    }
  });

  test("learns a scale of each channel where no batch norm has one, and files keep it", async () => {
    const bare = sequential({ inputShape: SHAPE }, [
      layers.flatten(),
      layers.dense({ units: 6, weightQuantizer: "bnn", useBias: false, name: "first" }),
      layers.batchNorm({ name: "norm" }),
      layers.dense({ units: 3, weightQuantizer: "bnn", useBias: false, name: "last" }),
    ]);
    const changed = changedBy(methods.biper({ omega: 5, tau: 0 }), { ...plain, graph: bare });
    expect(changed.graph).toMatchObject({ output: "last_scale" });
    expect(changed.graph.nodes.map(({ name }) => name)).not.toContain("first_scale");
    await expectOracle(pool, { graph: changed.graph, optimizer: changed.optimizer, steps: 2, of: 3 });
    const trainer = await trainerOf(bare, { methods: [methods.biper()], optimizer });
    await trainer.fit(data, { epochs: 1, batchSize: 16, validate: false });
    const { parameters } = decodeModel(await trainer.pack());
    expect(parameters.get("last_scale/gamma")).toEqual((await trainer.weights()).get("last_scale/gamma"));
    expect(changedBy(methods.biper({ scale: false }), { ...plain, graph: bare }).graph.output).toBe("last");
  });

  test("says when stage two begins, and with which frequency", () => {
    expect(quantizerOf(changedBy(methods.biper({ share: 0.25, omega: 7 })).graph)).toMatchObject({
      hardenAt: 0.25,
      parameters: [{ kind: "constant", value: 7 }],
    });
    expect(() => applyMethods([methods.biper()], { ...plain, graph: real })).toThrow(/trains none/);
  });
});
