/** Every optimizer, and the courses of its rate. */
import {
  caseOptimizer,
  layers,
  optimizers as makers,
  type Optimizer,
  type Schedule,
  schedules,
  sequential,
} from "../../../ts/index.ts";
import { binary, CLASSES } from "../networks.ts";
import type { Run } from "../run.ts";

const learningRate = 0.05;
const rest = makers.adam({ learningRate: 0.01 });
const bop = { gamma: 0.1, threshold: 1e-4 };
const bop2 = { gamma: 0.1, sigma: 0.05, threshold: 0.3 };

const real: Readonly<Record<string, Optimizer>> = {
  sgd: makers.sgd({ learningRate }),
  "sgd with momentum": makers.sgd({ learningRate, momentum: 0.9 }),
  "sgd with Nesterov's momentum and decay": makers.sgd({
    learningRate,
    momentum: 0.8,
    nesterov: true,
    weightDecay: 1e-2,
  }),
  "adam with other means": makers.adam({ learningRate, beta1: 0.8, beta2: 0.99, epsilon: 1e-3 }),
  adamw: makers.adamw({ learningRate: 0.01, weightDecay: 0.1 }),
  "adamw on binary weights, sgd on the rest": caseOptimizer({
    binary: makers.adamw({ learningRate: 0.02, weightDecay: 1e-4 }),
    rest: makers.sgd({ learningRate, momentum: 0.9 }),
  }),
};

const flipping: Readonly<Record<string, Optimizer>> = {
  bop: caseOptimizer({ binary: makers.bop(bop), rest }),
  "bop by schedules": caseOptimizer({
    binary: makers.bop({ gamma: schedules.logLinear(0.2, 0.01), threshold: schedules.linear(0, 1e-3) }),
    rest: makers.sgd({ learningRate }),
  }),
  bop2: caseOptimizer({ binary: makers.bop2(bop2), rest }),
  "bop2, unbiased": caseOptimizer({ binary: makers.bop2({ ...bop2, unbiased: true }), rest }),
};

const courses: Readonly<Record<string, Schedule>> = {
  "a line": schedules.linear(0.03, 0.001),
  "a line in the logarithm": schedules.logLinear(0.03, 0.001),
  "a cosine with its warm-up": schedules.cosine(0.03, 0.001, 0.25),
  steps: schedules.step(0.03, 0.3, [0.3, 0.6]),
  "a quarter of a cosine": schedules.quarterCosine(0.001, 0.03),
  "a logistic function": schedules.logistic(0.03, 0.001, 12, 0.4),
  "PARQ's inverse slope": schedules.inverseSlope({ start: 0.1, end: 0.8 }),
  "a warm-up before a window": schedules.warmup(
    0.3,
    schedules.window(0.2, 0.9, schedules.logLinear(0.03, 0.01)),
    0.001,
  ),
};

export const optimizers: readonly Run[] = [
  ...Object.entries(real).map(
    ([name, optimizer]): Run => ({
      name: `optimizer ${name}`,
      network: () => binary(),
      optimizer,
    }),
  ),
  ...Object.entries(flipping).map(
    ([name, optimizer]): Run => ({
      name: `optimizer ${name}`,
      network: () => binary("bc"),
      optimizer,
      fit: { flipRatio: true },
      everywhere: name === "bop2, unbiased",
      session: name === "bop",
    }),
  ),
  {
    name: "optimizer bop alone",
    network: () =>
      sequential({ inputShape: [5, 5, 2] }, [
        layers.flatten(),
        layers.binaryDense({ units: 19, weightQuantizer: "bc", activationQuantizer: null }),
        layers.binaryDense({ units: CLASSES, weightQuantizer: "bc" }),
      ]),
    optimizer: makers.bop({ gamma: 0.2, threshold: 1e-3 }),
  },
  ...Object.entries(courses).map(
    ([name, rate]): Run => ({
      name: `learning rate by ${name}`,
      network: () => binary(),
      optimizer: makers.sgd({ learningRate: rate, momentum: 0.5 }),
    }),
  ),
];
