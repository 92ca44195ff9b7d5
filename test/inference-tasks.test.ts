/**
 * Every task with every layer between two of its products: oracle, trainer and packed model have the same sums, and a step of
 * training is that of the oracle. A relu before a sign makes ones of everything, before real activations it does not.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Graph,
  type Layer,
  layers,
  model,
  modelNames,
  sequential,
  taskNames,
  taskQuantizers,
} from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { optimizers } from "../ts/train/optimizers/optimizers.ts";
import { agreedLogits, awkwardWeights } from "./inference-helpers.ts";
import { randomSplit } from "./oracle/compare.ts";
import { expectOracle } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 2 });
});
afterAll(() => pool.close());

type Task = (typeof taskNames)[number];
const between: Readonly<Record<string, () => Layer[]>> = {
  norm: () => [layers.batchNorm()],
  "norm and relu": () => [layers.batchNorm(), layers.relu()],
  "relu and norm": () => [layers.relu(), layers.batchNorm()],
  "norm and hardTanh": () => [layers.batchNorm(), layers.hardTanh()],
  "norm, slopes and a shift": () => [layers.batchNorm(), layers.prelu(), layers.shift()],
  "norm and two levels": () => [layers.batchNorm(), layers.adaptiveSign()],
};
const cases = taskNames.flatMap((task) => Object.keys(between).map((name) => [task, name] as const));

/** The same layers before a convolution, a dense layer and the head, which is binary as they are. */
function network(task: Task, name: string): Graph {
  const own = between[name] ?? (() => []);
  const operands = { ...taskQuantizers(task, "bnn"), useBias: false };
  return sequential({ inputShape: [5, 4, 3] }, [
    layers.conv2d({ filters: 9, kernelSize: 3, useBias: false }),
    ...own(),
    layers.conv2d({ filters: 10, kernelSize: 2, ...operands }),
    ...own(),
    layers.flatten(),
    layers.dense({ units: 11, ...operands }),
    ...own(),
    layers.dense({ units: 4, ...operands }),
    layers.batchNorm(),
  ]);
}

// Awkward weights make one of all images now and then.
const makers = [...Array(2).fill(awkwardWeights), ...Array(5).fill(randomParameters)] as (typeof awkwardWeights)[];

test.each(cases)("%s with %s between: the packed model has the trainer's logits", async (task, name) => {
  const graph = network(task, name);
  let told = 0;
  for (const [seed, weightsOf] of makers.entries()) {
    const split = randomSplit(seed, 8, [5, 4, 3], 4);
    const logits = await agreedLogits(pool, graph, weightsOf(graph, seed), split);
    if (new Set(logits).size > 4) told++;
  }
  // What comes out of a relu has the sign +1 everywhere, so that all images are one to a layer that takes signs.
  const isBlind = name === "norm and relu" && task !== "bw";
  if (isBlind) expect(told).toBe(0);
  // Random statistics put what leaves a relu on one side of 0, in one of the tasks.
  else if (name !== "relu and norm") expect(told).toBeGreaterThan(0);
});

// Of real activations a norm takes off what the layer before has added, whose gradient is then 0; behind a relu, and between
// two levels, a sign or a step hangs on a number that is exactly 0.
const smooth = cases.filter(([task, name]) =>
  task === "bw" ? /^norm and (relu|hardTanh)$/.test(name) : !/^norm and (relu|two levels)$/.test(name),
);
test.each(smooth)("%s with %s between: a step is the oracle's", async (task, name) => {
  await expectOracle(pool, { graph: network(task, name), optimizer: optimizers.sgd({ learningRate: 0.1 }), images: 8 });
});

const plain = modelNames.filter((name) => ["small", "mlp", "cnn", "fashion"].includes(name));
test.each(plain.flatMap((name) => taskNames.map((task) => [name, task] as const)))(
  "%s under %s with a binary head: the packed model has the trainer's logits",
  async (name, task) => {
    const options = { inputShape: [12, 12, 1], classes: 4, binaryHead: true, ...taskQuantizers(task, "bnn") };
    const graph = model(name, options);
    const split = randomSplit(5, 5, [12, 12, 1], 4);
    expect(new Set(await agreedLogits(pool, graph, awkwardWeights(graph, 5), split)).size).toBeGreaterThan(4);
  },
);
