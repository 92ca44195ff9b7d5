/**
 * The guarantee: weights of signs over real activations give the trainer's very logits in sessions, whatever window, batch and
 * number of workers. Tables of the activations serve most windows, and products of reals the others.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { explanationOf } from "../ts/inference/explain-session.ts";
import { decodeModel } from "../ts/io/model-file.ts";
import { functional, type Graph, input, layers } from "../ts/nn/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { pack } from "../ts/train/run/trained-weights.ts";
import fc from "./fast-check.ts";
import {
  agreedLogits,
  awkwardWeights,
  bits,
  engineWith,
  inMemory,
  inputMetadata,
  trainerLogits,
} from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

const quantizers = fc.record({
  weightQuantizer: fc.constantFrom("bnn", "xnor"),
  activationQuantizer: fc.constantFrom(null, "dorefa-activations"),
  useBias: fc.boolean(),
});
const windows = fc.record({
  kernelSize: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })),
  dilationRate: fc.constantFrom(1, 1, 2),
  padding: fc.constantFrom("same", "valid"),
  padValue: fc.constantFrom("zero", "zero", "zero", "one"),
  groups: fc.constantFrom(1, 1, 2),
} as const);
const sizes = fc.record({
  height: fc.integer({ min: 5, max: 9 }),
  width: fc.integer({ min: 7, max: 19 }),
  channels: fc.constantFrom(2, 4, 10),
  filters: fc.constantFrom(2, 6, 18),
  tokens: fc.boolean(),
});

type Case = readonly [
  typeof quantizers extends fc.Arbitrary<infer Q> ? Q : never,
  typeof windows extends fc.Arbitrary<infer W> ? W : never,
  typeof sizes extends fc.Arbitrary<infer S> ? S : never,
];

interface Made {
  readonly graph: Graph;
  readonly shape: readonly [number, number, number];
}

/** A convolution between norms, or a dense layer over the rows of an image as tokens. */
function network([own, window, { height, width, channels, filters, tokens }]: Case): Made {
  const shape = [height, width, channels] as const;
  const start = input({ shape });
  const x = layers.batchNorm({ name: "before" }).apply(start);
  const value = tokens
    ? layers
        .dense({ units: filters, ...own, name: "signs" })
        .apply(layers.reshape({ targetShape: [height, width * channels] }).apply(x))
    : layers.conv2d({ filters, ...window, ...own, name: "signs" }).apply(x);
  const vector = layers.flatten().apply(layers.batchNorm({ name: "behind" }).apply(value));
  return {
    shape,
    graph: functional({ inputs: start, outputs: layers.dense({ units: 3, name: "head" }).apply(vector) }),
  };
}

const cases = fc.tuple(quantizers, windows, sizes);

it("give the trainer's logits", () =>
  fc.assert(
    fc.asyncProperty(cases, fc.integer({ min: 0, max: 99 }), async (given, seed) => {
      const { graph, shape } = network(given);
      await agreedLogits(pool, graph, awkwardWeights(graph, seed), randomSplit(seed, 9, shape, 3));
    }),
    { numRuns: 12 },
  ));

it("give them for any batch and number of workers", () =>
  fc.assert(
    fc.asyncProperty(cases, fc.integer({ min: 0, max: 99 }), async (given, seed) => {
      const { graph, shape } = network(given);
      const split = randomSplit(seed, 35, shape, 3);
      const engine = await engineWith(pool, graph, awkwardWeights(graph, seed));
      const wanted = bits(await trainerLogits(engine, split));
      const packed = decodeModel(await pack(engine, inputMetadata(split)));
      const images = Float32Array.from(split.images, (byte) => byte * split.scale + split.offset);
      for (const options of [{ workers: 2 }, { workers: 3, batch: 2 }, { workers: 5 }, { batch: 17 }, { batch: 35 }]) {
        const { run } = await inMemory(packed, options);
        expect(bits(run(images)), JSON.stringify(options)).toEqual(wanted);
      }
    }),
    { numRuns: 12 },
  ));

it("are explained where tables do not serve them", () =>
  fc.assert(
    fc.asyncProperty(cases, fc.integer({ min: 1, max: 8 }), fc.constantFrom(1, 1, 2), async (given, width, strides) => {
      const [own, window, size] = given;
      const dilationRate = strides === 1 ? window.dilationRate : 1;
      const narrow = { ...window, padding: "same", strides, dilationRate } as const;
      const { graph, shape } = network([own, narrow, { ...size, width, tokens: false }]);
      const engine = await engineWith(pool, graph, awkwardWeights(graph, 1));
      const packed = decodeModel(await pack(engine, inputMetadata(randomSplit(1, 1, shape, 3))));
      const { prepared } = await inMemory(packed, {});
      const { layers: rows } = explanationOf("plain", prepared, new WebAssembly.Memory({ initial: 1 }));
      const row = rows.find(({ node }) => node === "signs");
      const isSlow = row?.obstacles.some(({ reason }) => reason.startsWith("weights of +-1 are multiplied as reals"));
      expect(isSlow, JSON.stringify(row)).toBe(row?.product === "ff");
    }),
  ));
