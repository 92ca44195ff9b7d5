/**
 * The guarantees of layers over tokens beyond what all operations have. Images that `dropPath` drops follow from seed, update,
 * layer and place, on any number of workers; a learned scale rides on the product before it; and misfits say what helps.
 */
import { describe, expect, it, test } from "vitest";
import { decodeModel } from "../ts/io/model-file.ts";
import {
  functional,
  type Graph,
  input,
  layers,
  outputShape,
  parametersOf,
  type Shape,
  sequential,
} from "../ts/nn/index.ts";
import { initialValues } from "../ts/nn/initializers.ts";
import type { Layer } from "../ts/nn/layer.ts";
import { nodeOf } from "../ts/nn/nodes.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import { agreedLogits, awkwardWeights, bits, engineWith, inMemory } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { trainerOf } from "./train-helpers.ts";
import { data, SHAPE } from "./train-networks.ts";

/** A residual block over tokens, whose branch ends in a learned scale, and perhaps is dropped. */
function block(rate: number | null): Graph {
  const start = input({ shape: SHAPE });
  const all = [
    layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, useBias: false, name: "patches" }),
    layers.batchNorm({ name: "before" }),
    layers.reshape({ targetShape: [-1, 8], name: "tokens" }),
    layers.classToken({ name: "token" }),
    layers.positionEmbedding({ name: "positions" }),
  ];
  const tokens = all.reduce((value, layer) => layer.apply(value), start);
  const signs = { weightQuantizer: "bnn", activationQuantizer: "poly", name: "signs" } as const;
  const branch = [
    layers.binaryDense({ units: 8, ...signs }),
    layers.layerScale({ name: "scale" }),
    ...(rate === null ? [] : [layers.dropPath({ rate, name: "drop" })]),
  ];
  const scaled = branch.reduce((value, layer) => layer.apply(value), tokens);
  const sum = layers.add({ name: "sum" }).apply([scaled, tokens]);
  const taken = [
    layers.slice({ size: 4, name: "taken" }),
    layers.globalAvgPool1d(),
    layers.dense({ units: 3, name: "head" }),
  ];
  return functional({ inputs: start, outputs: taken.reduce((value, layer) => layer.apply(value), sum) });
}

test("any number of workers drops the same images", async () => {
  const runs = [1, 3].map(async (workers) => {
    const trainer = await trainerOf(block(0.4), { workers });
    for await (const event of trainer.fit(data, { epochs: 1, batchSize: 13 })) expect(event.loss).toBeGreaterThan(0);
    return [...(await trainer.weights())].map(([name, values]) => [name, bits(values)]);
  });
  const [first, second] = await Promise.all(runs);
  expect(second).toEqual(first);
});

test("a trained network is what it is without drops, and a scale and a shortcut ride on the product's sums", async () => {
  const pool = await createPool({ workers: 2 });
  const [graph, plain] = [block(0.4), block(null)];
  const [weights, split] = [awkwardWeights(graph, 2), randomSplit(2, 7, SHAPE, 3)];
  const logits = await agreedLogits(pool, graph, weights, split);
  expect(bits(logits)).toEqual(bits(await agreedLogits(pool, plain, weights, split)));
  expect(new Set(logits).size).toBeGreaterThan(3);
  const file = decodeModel(await pack(await engineWith(pool, graph, weights), {}));
  const { prepared } = await inMemory(file, {});
  const calls = prepared.compiled.program.flat(2).map(({ node, kernel }) => `${node} ${kernel}`);
  expect(calls.filter((call) => /^(scale|drop|sum) /.test(call))).toEqual([]);
  expect(calls.filter((call) => call.startsWith("signs "))).toEqual([
    "signs sign_nibbles",
    "signs bb_lookup_conv_norm",
  ]);
  pool.close();
});

describe("shapes", () => {
  const shapeOf = (layer: Layer, shape: Shape): Shape => outputShape(nodeOf(layer.operation, "it", ["a"]), [shape]);

  it.each([
    [layers.classToken(), [4, 4, 3], "expected tokens [tokens, features]"],
    [layers.globalAvgPool1d(), [4], "expected tokens [tokens, features]"],
    [layers.slice({ axis: 2 }), [4, 3], "expected at least 1 places along axis 2"],
    [layers.slice({ start: 3, size: 2 }), [4, 3], "expected at least 5 places along axis 0"],
  ])("%j refuses %j", (layer, shape, message) => {
    const error = { code: "shape", message: expect.stringContaining(`layer "it": ${message}`) };
    expect(() => shapeOf(layer, shape)).toThrow(expect.objectContaining(error));
  });

  it("slices reach to the end of an axis", () => {
    expect(shapeOf(layers.slice({ start: 3, size: 1 }), [4, 3])).toEqual([1, 3]);
    expect(shapeOf(layers.slice({ axis: -1, start: 1, size: 2 }), [4, 3])).toEqual([4, 2]);
  });
});

it("tokens and positions start from a normal distribution of deviation 0.02, cut off at two of them", () => {
  const graph = sequential({ inputShape: [60, 50] }, [layers.classToken(), layers.positionEmbedding()]);
  for (const parameter of parametersOf(graph)) {
    const values = initialValues(parameter, 1);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.04);
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    // A normal that is cut off at two deviations has 0.8796 of its deviation.
    expect(deviation).toBeGreaterThan(0.02 * 0.8796 * (1 - 4 / Math.sqrt(2 * values.length)));
    expect(deviation).toBeLessThan(0.02 * 0.8796 * (1 + 4 / Math.sqrt(2 * values.length)));
  }
});
