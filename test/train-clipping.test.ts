/** Bounds on gradients: their values, their norm, and that no bit of them depends on workers. */
import { describe, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { codebook } from "../ts/quantizers/weight-families.ts";
import { caseOptimizer, checkOptimizer, type Optimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(9, [24, 8], SHAPE, 3);
const graph = sequential({ inputShape: SHAPE }, [
  layers.conv2d({ filters: 5, kernelSize: 3, name: "stem" }),
  layers.batchNorm({ name: "norm" }),
  layers.flatten(),
  // Its kernel is more than one task works on.
  layers.binaryDense({ units: 200, weightQuantizer: "bnn++", activationQuantizer: null, name: "body" }),
  layers.batchNorm({ name: "second_norm" }),
  layers.dense({ units: 3, name: "head" }),
]);

/** The moves of one step over all images, by parameter: minus the gradients where the rate is 1. */
async function moves(optimizer: Optimizer, workers = 1, network = graph): Promise<Map<string, Float32Array>> {
  const trainer = await trainerOf(network, { optimizer, workers });
  const before = await trainer.weights();
  await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 24, validate: false }));
  const after = await trainer.weights();
  const trained = [...before].filter(([name]) => !name.includes("/moving"));
  return new Map(
    trained.map(([name, start]) => [
      name,
      start.map((value, i) => ((after.get(name) as Float32Array)[i] as number) - value),
    ]),
  );
}

const normOf = (all: Iterable<Float32Array>): number =>
  Math.sqrt([...all].reduce((sum, values) => sum + values.reduce((own, value) => own + value * value, 0), 0));

const sgd = (bounds: object) => optimizers.sgd({ learningRate: 1, ...bounds });

describe("gradients", () => {
  test("have the norm of the bound where theirs is larger, and their direction", async () => {
    const free = await moves(sgd({}));
    const norm = normOf(free.values());
    const bounded = await moves(sgd({ clipNorm: norm / 4 }));
    expect(normOf(bounded.values())).toBeCloseTo(norm / 4, 4);
    for (const [name, values] of bounded) {
      const wanted = (free.get(name) as Float32Array).map((value) => value / 4);
      for (const [i, value] of values.entries()) expect(value, `${name} ${i}`).toBeCloseTo(wanted[i] as number, 5);
    }
    expect(await moves(sgd({ clipNorm: norm * 1.01 }))).toEqual(free);
  });

  test("are kept within a value", async () => {
    const limit = 2 ** -8;
    const [free, bounded] = [await moves(sgd({})), await moves(sgd({ clipValue: limit }))];
    let cut = 0;
    for (const [name, values] of bounded) {
      for (const [i, value] of values.entries()) {
        const own = (free.get(name) as Float32Array)[i] as number;
        cut += Number(Math.abs(own) > 1.01 * limit);
        expect(value).toBeCloseTo(Math.max(-limit, Math.min(limit, own)), 6);
      }
    }
    expect(cut).toBeGreaterThan(10);
  });

  test("of two optimizers have a norm each", async () => {
    const [binary, rest] = [sgd({ clipNorm: 1e-3 }), sgd({ clipNorm: 1e-2 })];
    const found = await moves(caseOptimizer({ binary, rest }));
    expect(normOf([found.get("body/kernel") as Float32Array])).toBeCloseTo(1e-3, 6);
    const others = [...found].filter(([name]) => name !== "body/kernel").map(([, values]) => values);
    expect(normOf(others)).toBeCloseTo(1e-2, 5);
  });

  test.each([[{ clipNorm: 0.01 }], [{ clipValue: 0.001 }]])("%j: workers change no bit", async (bounds) => {
    const wanted = await moves(sgd(bounds));
    for (const workers of [2, 3]) expect(await moves(sgd(bounds), workers)).toEqual(wanted);
  });
});

describe("the options", () => {
  test("that a tensor only gathers are no part of the norm, and have no bound", async () => {
    const network = sequential({ inputShape: SHAPE }, [
      layers.conv2d({ filters: 5, kernelSize: 3, weightQuantizer: codebook({ codewords: 4 }), name: "body" }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    const split = async (bounds: object) => {
      const all = await moves(sgd(bounds), 1, network);
      const drift = all.get("body/drift") as Float32Array;
      all.delete("body/drift");
      return { drift, norm: normOf(all.values()) };
    };
    const free = await split({});
    expect(normOf([free.drift])).toBeGreaterThan(0);
    const bounded = await split({ clipNorm: free.norm / 4 });
    expect(bounded.norm).toBeCloseTo(free.norm / 4, 4);
    expect(bounded.drift).toEqual(free.drift);
    expect((await split({ clipValue: 1e-6 })).drift).toEqual(free.drift);
  });

  test("stand in the optimizer's value where they are given, and nowhere else", () => {
    for (const make of [optimizers.sgd, optimizers.adam, optimizers.adamw, optimizers.rmsprop, optimizers.lion]) {
      expect(make()).not.toHaveProperty("clipNorm");
      expect(checkOptimizer(make({ clipNorm: 2 }))).toMatchObject({ clipNorm: 2 });
      expect(checkOptimizer(make({ clipValue: 2 }))).toMatchObject({ clipValue: 2 });
      expect(() => make({ clipNorm: 0 })).toThrow(/clipNorm/);
      expect(() => make({ clipNorm: 1, clipValue: 1 })).toThrow(/clipValue/);
    }
  });
});
