/** Layers in several places and networks with several results, in the trainer and on tfjs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functional, type Graph, input, layers, type SymbolicTensor } from "../ts/nn/index.ts";
import { quantizer } from "../ts/quantizers/index.ts";
import { check } from "../ts/reference/index.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { expectOracle } from "./oracle/trainer.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";
import { data, SHAPE } from "./train-networks.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

/** A convolution, a shift and a dense layer in two places each, the convolution with this quantizer of weights. */
function twice(name: string | null): Graph {
  const x = input({ shape: SHAPE });
  const weightQuantizer = name === null ? null : quantizer(name);
  const first = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }).apply(x);
  const conv = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", weightQuantizer, name: "conv" });
  const shift = layers.shift({ name: "shift" });
  const second = shift.apply(conv.apply(first));
  const third = shift.apply(conv.apply(layers.hardTanh().apply(second)));
  const flat = [second, third].map((tensor) => layers.flatten().apply(tensor)) as [SymbolicTensor, SymbolicTensor];
  const head = layers.dense({ units: 3, name: "head" });
  return functional({ inputs: x, outputs: layers.add().apply([head.apply(flat[0]), head.apply(flat[1])]) });
}

/** Two heads over one body. */
function heads(): Graph {
  const x = input({ shape: SHAPE });
  const body = layers.dense({ units: 6, name: "body" }).apply(layers.flatten().apply(x));
  const outputs = ["a", "b"].map((name) => layers.dense({ units: 3, name }).apply(body));
  return functional({ inputs: x, outputs });
}

describe("a layer in two places", () => {
  // A scale, standardised weights with a slope, and a soft map: all that stands between the sums and the latent weights.
  test.each([null, "bnn", "xnor", "recu", "bnn++"])("learns from both, its weights under %s", async (name) => {
    await expectOracle(pool, { graph: twice(name), steps: 2, optimizer: optimizers.sgd({ learningRate: 0.05 }) });
  });

  test("is the same to tfjs", async () => {
    for (const name of ["xnor", "bnn++"]) {
      const { pass } = await check({ backend: "cpu", subjects: [{ kind: "graph", graph: twice(name) }], steps: 3 });
      expect(pass, name).toBe(true);
    }
  });
});

describe("several results", () => {
  test("leave a head alone that no term of the loss reads", async () => {
    const trainer = await trainerOf(heads());
    const before = await trainer.weights();
    await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16 }));
    const after = await trainer.weights();
    const isSame = (name: string): boolean => JSON.stringify(before.get(name)) === JSON.stringify(after.get(name));
    expect(["a/kernel", "b/kernel", "b/bias", "body/kernel"].map(isSame)).toEqual([false, true, true, false]);
  });

  test("are all trained by a term that reads them", async () => {
    const objective = [losses.crossEntropy(), losses.distance({ between: ["a", "b"], factor: 20 })];
    const trainer = await trainerOf(heads(), { objective });
    const events = await eventsOf(trainer.fit(data, { epochs: 25, batchSize: 16, validate: false }));
    const distances = events.flatMap((event) => (event.type === "epoch" ? [event.terms?.distance ?? Number.NaN] : []));
    expect(distances.at(-1)).toBeLessThan((distances[0] as number) / 2);
  });

  test("are the same to tfjs where one of them is trained", async () => {
    const { pass } = await check({ backend: "cpu", subjects: [{ kind: "graph", graph: heads() }], steps: 3 });
    expect(pass).toBe(true);
  });
});
