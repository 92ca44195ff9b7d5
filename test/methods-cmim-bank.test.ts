/**
 * CMIM's memory bank: values and gradients of steps are those of the definition, in f64, over the candidates of earlier steps. It
 * belongs to the run, so checkpoints hold it.
 */
import { expect, test } from "vitest";
import type { Dataset } from "../ts/data/dataset.ts";
import { methodOf, methods } from "../ts/methods/index.ts";
import { functional, type Graph, input, layers, shuffle } from "../ts/nn/index.ts";
import { losses } from "../ts/train/losses/index.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { memoryStore } from "./checkpoint-networks.ts";
import { inputOf, randomDataset } from "./oracle/compare.ts";
import { eventsOf, stepsAtOnce, trainerOf } from "./train-helpers.ts";
import { binary, data } from "./train-networks.ts";

const [IMAGES, BATCH, SIZE, TEMPERATURE, FACTOR, RATE] = [12, 4, 3, 0.5, 0.7, 0.25];

/** Two embeddings and an answer of the same four numbers, so that the contrast alone moves the embeddings. */
function embeddings(): Graph {
  const start = input({ shape: [2, 2, 1] });
  const flat = layers.flatten().apply(start);
  const embedding = (name: string) => layers.dense({ units: SIZE, useBias: false, name }).apply(flat);
  const head = layers.dense({ units: 3, name: "head" }).apply(flat);
  return functional({ inputs: start, outputs: [head, embedding("anchor"), embedding("candidate")] });
}

const images: Dataset = randomDataset(9, [IMAGES, 4], [2, 2, 1], 3);
const x = inputOf(images.train).data;

type Rows = readonly (readonly number[])[];

/** The unit vectors of examples under a kernel `[4][3]`. */
const unitsOf = (kernel: ArrayLike<number>, examples: readonly number[]): Rows =>
  examples.map((example) => {
    const row = Array.from({ length: SIZE }, (_, j) =>
      [0, 1, 2, 3].reduce((sum, i) => sum + x[4 * example + i]! * kernel[SIZE * i + j]!, 0),
    );
    const norm = Math.hypot(...row);
    return row.map((value) => value / norm);
  });

const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((sum, value, i) => sum + value * v[i]!, 0);

function contrastOf(us: Rows, vs: Rows, bank: Rows): number {
  const each = us.map((u, i) => {
    const logits = [...vs, ...bank].map((v) => dot(u, v) / TEMPERATURE);
    return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[i]!;
  });
  return (FACTOR * each.reduce((sum, value) => sum + value, 0)) / us.length;
}

/** The slopes of `f` at `at`, by central differences. */
const slopesOf = (f: (at: Float64Array) => number, at: Float64Array): Float64Array =>
  at.map((_, i) => {
    const moved = (by: number): number => f(at.map((value, j) => (j === i ? value + by : value)));
    return (moved(1e-5) - moved(-1e-5)) / 2e-5;
  });

test.each([
  ["smaller than a batch", 3],
  ["of some batches", 10],
  ["larger than the run", 20],
])("steps with a bank %s are those of the definition", async (_, bank) => {
  const contrast = losses.contrastive({
    between: ["anchor", "candidate"],
    factor: FACTOR,
    temperature: TEMPERATURE,
    bank,
  });
  const trainer = await trainerOf(embeddings(), {
    objective: [losses.crossEntropy(), contrast],
    optimizer: optimizers.sgd({ learningRate: RATE }),
  });
  const read = async (): Promise<readonly [Float64Array, Float64Array]> => {
    const all = await trainer.weights();
    return [Float64Array.from(all.get("anchor/kernel")!), Float64Array.from(all.get("candidate/kernel")!)];
  };
  stepsAtOnce("one");
  let queue: number[][] = Array.from({ length: bank }, () => [0, 0, 0]);
  let before = await read();
  let steps = 0;
  for await (const event of trainer.fit(images, { epochs: 2, batchSize: BATCH, validate: false })) {
    if (event.type !== "step") continue;
    const first = BATCH * (event.step - 1);
    const examples = [...shuffle(IMAGES, 3, event.epoch - 1)].slice(first, first + BATCH);
    const kept = queue;
    const lossAt = ([anchors, candidates]: readonly [Float64Array, Float64Array]): number =>
      contrastOf(unitsOf(anchors, examples), unitsOf(candidates, examples), kept);
    expect(event.terms?.contrastive).toBeCloseTo(lossAt(before), 5);
    const [anchors, candidates] = before;
    const slopes = [
      slopesOf((own) => lossAt([own, candidates]), anchors),
      slopesOf((own) => lossAt([anchors, own]), candidates),
    ];
    const after = await read();
    for (const [i, own] of after.entries()) {
      for (const [j, value] of own.entries()) expect(value - before[i]![j]!).toBeCloseTo(-RATE * slopes[i]![j]!, 5);
    }
    queue = [...queue, ...unitsOf(candidates, examples).map((row) => [...row])].slice(-bank);
    before = after;
    steps++;
  }
  expect(steps).toBe(6);
});

test("a run with a bank is the same for any number of workers and from a checkpoint, and not without it", async () => {
  const options = { epochs: 2, batchSize: 16, validate: false };
  const train = async (method = methods.cmim({ bank: 40, units: 8 }), workers = 1) => {
    const trainer = await trainerOf(binary(), { methods: [method], workers });
    const events = await eventsOf(trainer.fit(data, options));
    return {
      weights: await trainer.weights(),
      terms: events.flatMap((event) => (event.type === "step" ? [event.terms] : [])),
      file: await trainer.pack(),
    };
  };
  const [whole, other] = [await train(), await train(methods.cmim({ bank: 40, units: 8 }), 2)];
  expect(other).toEqual(whole);
  expect((await train(methods.cmim({ units: 8 }))).terms).not.toEqual(whole.terms);
  const store = memoryStore();
  const first = await trainerOf(binary(), { methods: [methods.cmim({ bank: 40, units: 8 })] });
  for await (const event of first.fit(data, { ...options, checkpoint: store })) {
    if (event.type === "step" && event.epoch === 1 && event.step === 2) break;
  }
  const resumed = await Trainer.resume(store, { methods: methodOf, workers: 1 });
  await resumed.continueFit(data);
  expect(await resumed.weights()).toEqual(whole.weights);
  resumed.close();
});

test("a bank that does not fit is refused, and none is no option of a run", () => {
  expect(() => methods.cmim({ bank: 65_537 })).toThrow(/bank/);
  expect(() => losses.contrastive({ between: ["a", "b"], bank: -1 })).toThrow(/bank/);
  expect(methods.cmim().options).not.toHaveProperty("bank");
  expect(methods.cmim({ bank: 7 }).options).toMatchObject({ bank: 7 });
});
