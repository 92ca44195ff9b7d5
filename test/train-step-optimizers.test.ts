/** The guarantee of `train-step.test.ts` for every optimizer: it changes weights as its definition says. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { layers, sequential } from "../ts/nn/index.ts";
import { randomParameters } from "../ts/reference/random.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { caseOptimizer, optimizers } from "../ts/train/optimizers/optimizers.ts";
import { randomDataset } from "./oracle/compare.ts";
import { expectOracle, trained } from "./oracle/trainer.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const graph = sequential({ inputShape: [4, 4, 3] }, [
  layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: "bnn", useBias: false }),
  layers.batchNorm({ momentum: 0.75 }),
  layers.binaryConv2d({ filters: 6, kernelSize: 3, weightQuantizer: "bnn++" }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 3 }),
]);
const falling = { kind: "linear", from: 0.2, to: 0.01 } as const;

test.each([
  ["momentum", optimizers.sgd({ learningRate: 0.1, momentum: 0.9 })],
  ["Nesterov's momentum", optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true })],
  ["weight decay", optimizers.sgd({ learningRate: 0.1, momentum: 0.5, weightDecay: 0.1 })],
  ["a falling rate", optimizers.sgd({ learningRate: falling })],
])("SGD with %s", async (_title, optimizer) => {
  await expectOracle(pool, { graph, optimizer, steps: 3, of: 5 });
});

// Adam's step is g / (|g| + epsilon) times the rate: an error of g counts 1/epsilon times. So epsilon is large here.
const epsilon = 0.01;
test.each([
  ["Adam", optimizers.adam({ learningRate: 0.05, epsilon, beta1: 0.8, beta2: 0.9 })],
  ["AdamW", optimizers.adamw({ learningRate: falling, epsilon, weightDecay: 0.1 })],
  ["AdamW without decay of kernels", optimizers.adamw({ learningRate: falling, epsilon, noDecay: ["kernel"] })],
  ["RMSprop", optimizers.rmsprop({ learningRate: 0.05, epsilon, rho: 0.8 })],
  ["RMSprop with momentum", optimizers.rmsprop({ learningRate: falling, epsilon, momentum: 0.9, weightDecay: 0.1 })],
])("%s", async (_title, optimizer) => {
  await expectOracle(pool, { graph, optimizer, steps: 3, of: 5, amplification: 10 });
});

// Thresholds at which some weights are flipped and others not, in each of the steps.
const flipped = sequential({ inputShape: [4, 4, 3] }, [
  layers.conv2d({ filters: 5, kernelSize: 3, padding: "same", weightQuantizer: "bc", useBias: false }),
  layers.batchNorm({ momentum: 0.75 }),
  layers.binaryConv2d({ filters: 6, kernelSize: 3, weightQuantizer: "bnn" }),
  layers.batchNorm(),
  layers.flatten(),
  layers.dense({ units: 3 }),
]);
const rest = optimizers.sgd({ learningRate: falling });
const lower = { kind: "linear", from: 0.004, to: 0.001 } as const;
test.each([
  ["Bop", optimizers.bop({ gamma: 0.3, threshold: 0.003 })],
  ["Bop with schedules", optimizers.bop({ gamma: { kind: "linear", from: 0.5, to: 0.3 }, threshold: lower })],
  ["biased second-order Bop", optimizers.bop2({ gamma: 0.2, sigma: 0.1, threshold: 0.4 })],
  ["unbiased second-order Bop", optimizers.bop2({ gamma: 0.2, sigma: 0.1, threshold: 0.4, unbiased: true })],
  ["SGD", optimizers.sgd({ learningRate: 0.2 })],
])("%s for binary weights, another for the rest", async (_title, binary) => {
  await expectOracle(pool, { graph: flipped, optimizer: caseOptimizer({ binary, rest }), steps: 3, of: 5 });
});

test("latent weights of bnn, and no others, are clipped at 1", async () => {
  const data = randomDataset(3, [8, 8], [4, 4, 3], 3);
  const { steps } = await trained(
    pool,
    { graph, optimizer: optimizers.sgd({ learningRate: 0.01 }) },
    data,
    randomParameters(graph, 3),
  );
  const largest = (name: string): number => Math.max(...(steps[0]?.weights.get(name) ?? []).map(Math.abs));
  expect(largest("conv2d/kernel")).toBe(1);
  expect(largest("binary_conv2d/kernel")).toBeGreaterThan(1.2);
});
