/** Teachers: a file, a trainer and given logits say the same, and a network learns their answers. */
import { describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { withTeacher } from "../ts/train/run/teacher.ts";
import { randomDataset } from "./oracle/compare.ts";
import { trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(7, [64, 40], SHAPE, 3);
const network = (quantizer: string | null, units: number): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.flatten(),
    layers.dense({ units, weightQuantizer: quantizer }),
    layers.batchNorm(),
    layers.hardTanh(),
    layers.dense({ units: 3 }),
  ]);

describe("a teacher", () => {
  test.each([null, "bc", "xnor"])(
    "of weights %s says the same as a file, as a trainer and as logits",
    async (quantizer) => {
      const teacher = await trainerOf(network(quantizer, 32));
      await teacher.fit(data, { epochs: 2, batchSize: 16 });
      const logits = await teacher.predict(data.train);
      const byTrainer = await withTeacher(data, teacher);
      const byFile = await withTeacher(data, await teacher.pack());
      expect(byTrainer.train.targets).toEqual(logits);
      expect(byFile.train.targets).toEqual(logits);
      expect((await withTeacher(data, logits)).train.targets).toBe(logits);
      expect(byTrainer.test).toBe(data.test);
      expect(data.train).not.toHaveProperty("targets");
    },
  );

  test("is agreed with more and more", async () => {
    const teacher = await trainerOf(network(null, 32));
    await teacher.fit(data, { epochs: 4, batchSize: 16 });
    const taught = await withTeacher(data, teacher);
    const objective = [losses.distillation({ factor: 1, temperature: 2 }), losses.crossEntropy({ factor: 0 })];
    const pupil = await trainerOf(network("bc", 64), { objective, optimizer: optimizers.adam({ learningRate: 0.01 }) });
    const { epochs } = await pupil.fit({ ...taught, test: taught.train }, { epochs: 12, batchSize: 16 });
    const [first, last] = [epochs[0]?.validation, epochs.at(-1)?.validation];
    expect(last?.loss).toBeLessThan(first?.loss as number);
    expect(last?.accuracy).toBeGreaterThan(first?.accuracy as number);
  });

  test("is needed for training, and not for the score of classes", async () => {
    const objective = [losses.crossEntropy(), losses.distillation()];
    const pupil = await trainerOf(network("bc", 8), { objective });
    await expect(pupil.fit(data, { epochs: 1, batchSize: 16 })).rejects.toMatchObject({ code: "data" });
    const taught = await withTeacher(data, new Float32Array(64 * 3));
    expect((await pupil.fit(taught, { epochs: 1, batchSize: 16 })).epochs[0]?.validation?.accuracy).toBeGreaterThan(0);
    await expect(withTeacher(data, "teacher.safetensors" as never)).rejects.toMatchObject({ code: "argument" });
  });
});
