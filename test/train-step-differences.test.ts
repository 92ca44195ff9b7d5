/** The gradient of a step is the slope of the loss that an evaluation sees, by finite differences. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { evaluate } from "../ts/train/run/evaluate.ts";
import { writeWeights } from "../ts/train/run/trained-weights.ts";
import { randomDataset } from "./oracle/compare.ts";
import { gradientAsUpdate, trained } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

describe.each([
  ["hardTanh", "relu"],
  ["tanh", "relu6"],
  ["sigmoid", "gelu"],
] as const)("finite differences of %s and %s", (first, second) => {
  /** A network of real operands without batch norm: evaluation and training see the same function. */
  const graph = sequential({ inputShape: [6, 6, 2] }, [
    layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", strides: 2 }),
    layers.activation({ activation: first }),
    layers.conv2d({ filters: 5, kernelSize: 2, padding: "same", padValue: "one" }),
    layers.activation({ activation: second }),
    layers.maxPool2d(),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ]);
  const STEP = 2 ** -9;

  test("the gradient is the slope of the evaluated loss in random directions", async () => {
    const data = randomDataset(9, [16, 4], [6, 6, 2], 3);
    const both = { ...data, test: data.train };
    const weights = randomParameters(graph, 9);
    const { steps } = await trained(pool, { graph }, both, weights);
    const gradient = new Map(
      [...weights].map(([name, w]) => [
        name,
        w.map((value, i) => value - (steps[0]?.weights.get(name)?.[i] as number)),
      ]),
    );
    const engine = await createEngine(graph, gradientAsUpdate, pool);
    const lossAt = async (direction: ReadonlyMap<string, Float32Array>, step: number): Promise<number> => {
      const moved = [...weights].map(
        ([name, w]) => [name, w.map((v, i) => v + step * (direction.get(name)?.[i] as number))] as const,
      );
      await writeWeights(engine, new Map(moved));
      return (await evaluate(engine, data.train, {})).loss;
    };
    // One parameter at a time, in the direction of its own gradient and in a random one.
    for (const name of weights.keys()) {
      const own = gradient.get(name) as Float32Array;
      const length = Math.hypot(...own);
      expect(length).toBeGreaterThan(0.01);
      const noise = (randomParameters(graph, 77).get(name) as Float32Array).map((v) => v / 4);
      for (const unit of [own.map((v) => v / length), noise.map((v, i) => v / 8 + (own[i] as number) / length)]) {
        const direction = new Map([...weights].map(([other, w]) => [other, other === name ? unit : w.map(() => 0)]));
        const slope = unit.reduce((sum, v, i) => sum + v * (own[i] as number), 0);
        const difference = (await lossAt(direction, STEP)) - (await lossAt(direction, -STEP));
        // Kinks of the functions and the pool cost some thousandths, f32 another 2^-23 / 2^-9.
        expect(difference / (2 * STEP) / slope, name).toBeCloseTo(1, 2);
      }
    }
  });
});
