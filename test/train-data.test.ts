import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dataset, type Examples, split } from "../ts/data/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { Trainer } from "../ts/train/run/trainer.ts";

const graph = sequential({ inputShape: [2] }, [layers.dense({ units: 3 })]);
const examples = split([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 0], [2]);
const data: Dataset = { name: "few", classes: ["a", "b", "c"], train: examples, test: examples };

let trainer: Trainer;
beforeAll(async () => {
  trainer = await Trainer.create(graph, { workers: 1 });
});
afterAll(() => trainer.close());

const train = async (given: unknown, validate = true): Promise<void> => {
  for await (const _ of trainer.fit(given as Dataset<Examples>, { epochs: 1, batchSize: 2, validate }));
};

describe("before its first step fit refuses", () => {
  const without = (part: keyof Dataset) => Object.fromEntries(Object.entries(data).filter(([key]) => key !== part));
  const trained = (part: object) => ({ ...data, train: { ...examples, ...part } });

  test.each([
    ["no test examples", "argument", without("test"), /no test examples/],
    ["no name", "argument", without("name"), /name of the data set/],
    ["no classes", "argument", without("classes"), /classes of the data set/],
    ["no examples to train on", "argument", without("train"), /train of the data set/],
    ["nothing", "argument", undefined, /the data set/],
    ["two names for three outputs", "data", { ...data, classes: ["a", "b"] }, /names 2 classes.* 3 outputs/],
    ["four names for three outputs", "data", { ...data, classes: ["a", "b", "c", "d"] }, /names 4 classes/],
    ["classes that are no texts", "argument", { ...data, classes: [0, 1, 2] }, /classes of the data set/],
    ["a label past the outputs", "data", trained({ labels: Uint32Array.of(0, 1, 3, 0) }), /label is 3/],
    ["signed labels", "data", trained({ labels: Int32Array.of(0, -1, 1, 0) }), /labels/],
    ["too few labels", "data", trained({ labels: Uint8Array.of(0, 1) }), /2 labels/],
    ["no labels", "data", trained({ labels: new Uint8Array() }), /no labels/],
    ["an input that is no number", "data", trained({ images: new Float32Array(8).fill(Number.NaN) }), /number 0 .*NaN/],
    ["half a count", "data", trained({ count: 4.5 }), /4\.5 images/],
    ["a scale that is none", "data", trained({ scale: Number.NaN }), /scale NaN/],
    ["weights of another number", "data", trained({ sampleWeights: Float32Array.of(1) }), /1 sample weights/],
    ["a weight that is no number", "data", trained({ sampleWeights: Float32Array.of(1, 1, 1, Number.NaN) }), /weights/],
    [
      "a test label past the outputs",
      "data",
      { ...data, test: { ...examples, labels: new Uint8Array(4).fill(9) } },
      /9/,
    ],
  ])("%s", async (_, code, given, message) => {
    const before = await trainer.weights();
    await expect(train(given)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await trainer.weights()).toEqual(before);
  });
});

describe("a batch of one", () => {
  const few = split([0, 1, 2, 3], [0, 1, 0, 1], [1, 1, 1]);
  const small: Dataset = { name: "few", classes: [], train: few, test: few };
  const run = async (spatial: boolean): Promise<void> => {
    const padding = spatial ? 1 : 0;
    const normalised = sequential({ inputShape: [1, 1, 1] }, [
      layers.conv2d({ filters: 2, kernelSize: 1, padding }),
      layers.batchNorm({ name: "norm" }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    const own = await Trainer.create(normalised, { workers: 1 });
    try {
      for await (const _ of own.fit(small, { epochs: 1, batchSize: 1 }));
    } finally {
      own.close();
    }
  };

  test("is refused in front of a batch norm that sees one number of it", async () => {
    await expect(run(false)).rejects.toMatchObject({ code: "argument", message: expect.stringContaining('"norm"') });
    await expect(trainer.estimateStatistics(examples, { batchSize: 1 })).resolves.toBeUndefined();
  });

  test("is taken where the batch norm sees several numbers of it", async () => {
    await expect(run(true)).resolves.toBeUndefined();
  });
});

test("examples are not tested on where nobody asks for it, and need no names", async () => {
  await train({ ...data, classes: [], test: undefined }, false);
  expect((await trainer.evaluate(examples)).images).toBe(4);
});

test("an input is looked at anew after changed()", async () => {
  const { changed } = await import("../ts/data/index.ts");
  const reals = Float32Array.of(1, 2, 3, 4);
  const made = split(reals, [0, 1], [2]);
  await trainer.evaluate(made);
  reals[3] = Number.NaN;
  changed(made);
  await expect(trainer.evaluate(made)).rejects.toMatchObject({ code: "data" });
});
