/** Weight quantizers that make every weight 0: refused before training, or where the network is packed. */
import { describe, expect, test } from "vitest";
import { type Graph, layers, type QuantizerChoice, sequential } from "../ts/nn/index.ts";
import { refuseSilentStart } from "../ts/train/run/silent-weights.ts";
import { rejected, thrown } from "./io-helpers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(2, [24, 8], SHAPE, 3);
const options = { epochs: 1, batchSize: 8, validate: false } as const;

/** Two quantized layers between real ones. Initial weights of the second are below 1/6, and of the first as `wide` says. */
const network = (weightQuantizer: QuantizerChoice, wide = false): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.conv2d({ filters: 16, kernelSize: 3, name: "stem" }),
    layers.conv2d({ filters: wide ? 1 : 16, kernelSize: wide ? 1 : 3, name: "first", weightQuantizer }),
    layers.batchNorm(),
    layers.flatten(),
    layers.dense({ units: 300, name: "second", weightQuantizer }),
    layers.dense({ units: 3 }),
  ]);

describe("weights that a quantizer makes 0", () => {
  test("all together are refused before the first step, and the trainer works with others", async () => {
    const graph = network("dorefa-activations");
    const trainer = await trainerOf(graph);
    const refused = await rejected("argument", Promise.resolve(trainer.fit(data, options)));
    expect(refused.message).toContain('"dorefa-activations" makes all weights of every layer that it quantizes 0');
    expect(refused.remedy).toContain('"dorefa-weights-2"');
    const weights = new Map(
      [...(await trainer.weights())].map(([name, values]) => [name, values.map((value) => 9 * value)]),
    );
    await trainer.setWeights(weights);
    expect((await trainer.fit(data, options)).epochs).toHaveLength(1);
    expect((await trainer.pack()).length).toBeGreaterThan(0);
    expect(thrown("argument", () => refuseSilentStart(graph, 3))).toMatchObject({ message: refused.message });
  });

  test("of one layer are refused in its file, by the layer's name", async () => {
    const trainer = await trainerOf(network("dorefa-activations-3", true));
    const weights = await trainer.weights();
    await trainer.setWeights(
      new Map([["second/kernel", (weights.get("second/kernel") as Float32Array).map((w) => w / 100)]]),
    );
    const { message, remedy } = await rejected("argument", trainer.pack());
    expect(message).toContain('makes all weights of layer "second" 0');
    expect(remedy).toContain('"dorefa-weights-3"');
  });

  test.each([["dorefa-weights-2"], ["fp"], ["bnn"], ["pc"], ["adabin"], [null]])("are none of %s's", async (choice) => {
    const trainer = await trainerOf(network(choice));
    expect((await trainer.fit(data, options)).epochs).toHaveLength(1);
    expect((await trainer.pack()).length).toBeGreaterThan(0);
    refuseSilentStart(network(choice), 3);
  });

  test("stay where they were 0 before", async () => {
    const trainer = await trainerOf(network("dorefa-activations", true));
    const weights = await trainer.weights();
    await trainer.setWeights(new Map([["second/kernel", (weights.get("second/kernel") as Float32Array).map(() => 0)]]));
    expect((await trainer.pack()).length).toBeGreaterThan(0);
  });
});
