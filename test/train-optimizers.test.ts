/**
 * Optimizers as their users meet them: the refusals and their errors, Bop's weights, and that Bop learns. That each
 * step is the one of its definition stands in `train-step-optimizers.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { type Graph, layers, sequential } from "../ts/nn/index.ts";
import { quantizers } from "../ts/quantizers/index.ts";
import {
  caseOptimizer,
  checkOptimizer,
  learningRateAt,
  type Optimizer,
  optimizerName,
  optimizers,
} from "../ts/train/optimizers/optimizers.ts";
import { hyperOf } from "../ts/train/optimizers/updates.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { randomDataset } from "./oracle/compare.ts";
import { eventsOf, trainerOf } from "./train-helpers.ts";

const SHAPE = [6, 6, 1] as const;
const data = randomDataset(6, [64, 16], SHAPE, 3);
type Choice = Parameters<typeof layers.binaryDense>[0]["weightQuantizer"];

const network = (weightQuantizer: Choice = "bc"): Graph =>
  sequential({ inputShape: SHAPE }, [
    layers.binaryConv2d({ filters: 8, kernelSize: 3, name: "first", weightQuantizer, activationQuantizer: null }),
    layers.batchNorm(),
    layers.flatten(),
    layers.binaryDense({ units: 24, name: "second", weightQuantizer, activationQuantizer: "poly" }),
    layers.batchNorm(),
    layers.dense({ units: 3, name: "head" }),
  ]);
const rest = optimizers.adam({ learningRate: 0.01 });

const trained = (graph: Graph, optimizer: Optimizer, workers = 1): Promise<Trainer> =>
  trainerOf(graph, { workers, seed: 2, optimizer });

describe("values", () => {
  const all: readonly Optimizer[] = [
    optimizers.sgd({ momentum: 0.9 }),
    optimizers.adamw(),
    optimizers.bop({ gamma: { kind: "linear", from: 1e-3, to: 1e-4 } }),
    optimizers.bop2({ unbiased: true }),
    caseOptimizer({ binary: optimizers.bop(), rest }),
  ];
  test.each(all.map((value) => [optimizerName(value), value] as const))("%s survives JSON", (_name, value) => {
    expect(checkOptimizer(JSON.parse(JSON.stringify(value)))).toEqual(value);
  });

  test("the defaults of Bop are those of the papers", () => {
    const constant = (value: number): unknown => ({ kind: "constant", value });
    expect(optimizers.bop()).toEqual({ kind: "bop", gamma: constant(1e-4), threshold: constant(1e-8) });
    const second = { kind: "bop2", gamma: constant(1e-7), sigma: 1e-3, threshold: constant(1e-6), epsilon: 1e-10 };
    expect(optimizers.bop2()).toEqual({ ...second, unbiased: false });
  });

  test("the step size reported is that of the real parameters, 0 where there is none", () => {
    expect(learningRateAt(caseOptimizer({ binary: optimizers.sgd({ learningRate: 5 }), rest }), 0.5)).toBe(0.01);
    expect(learningRateAt(optimizers.bop(), 0.5)).toBe(0);
  });

  test("corrections are 1 where bop2 is biased, and 1 - (1 - rate)^t where it is not", () => {
    expect(hyperOf(optimizers.bop2(), 0, 3, 0).slice(-2)).toEqual([1, 1]);
    const [first, second] = hyperOf(optimizers.bop2({ unbiased: true, gamma: 0.25, sigma: 0.5 }), 0, 3, 0).slice(-2);
    expect([first, second]).toEqual([1 - 0.75 ** 3, 1 - 0.5 ** 3]);
  });

  test.each([
    ["gamma of 0", () => optimizers.bop({ gamma: 0 }), "gamma"],
    ["gamma above 1", () => optimizers.bop({ gamma: 1.5 }), "gamma"],
    ["a schedule that leaves the range", () => optimizers.bop({ gamma: { kind: "linear", from: 1, to: -1 } }), "gamma"],
    ["a negative threshold", () => optimizers.bop({ threshold: -1e-9 }), "threshold"],
    ["a threshold that is no number", () => optimizers.bop({ threshold: Number.NaN }), "threshold"],
    ["sigma of 0", () => optimizers.bop2({ sigma: 0 }), "sigma"],
    ["epsilon of 0", () => optimizers.bop2({ epsilon: 0 }), "epsilon"],
    [
      "an unbiased mean with a schedule",
      () => optimizers.bop2({ unbiased: true, gamma: { kind: "linear", from: 0.1, to: 0.01 } }),
      "gamma",
    ],
    ["an option it has not", () => optimizers.bop({ tau: 1 } as never), "tau"],
    [
      "cases in a case",
      () => caseOptimizer({ binary: caseOptimizer({ binary: rest, rest }) as never, rest }),
      "binary",
    ],
    ["Bop for the rest", () => caseOptimizer({ binary: rest, rest: optimizers.bop() as never }), "rest"],
    ["no rest", () => caseOptimizer({ binary: rest } as never), "optimizer"],
  ] as const)("%s is refused by name", (_title, make, named) => {
    expect(make).toThrow(expect.objectContaining({ code: "argument", message: expect.stringContaining(named) }));
  });
});

describe("a network that Bop does not suit", () => {
  test("has real parameters and nothing to train them", async () => {
    await expect(Trainer.create(network(), { workers: 1, optimizer: optimizers.bop() })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/bop flips binary weights, and "batch_norm\/\w+" is real/),
      remedy: expect.stringContaining("caseOptimizer"),
    });
  });

  test.each([
    ["bnn++", "bnn++"],
    ["poly", "poly"],
    ["adabin", "adabin"],
  ])("has weights with the quantizer %s", async (_title, choice) => {
    const optimizer = caseOptimizer({ binary: optimizers.bop(), rest });
    await expect(Trainer.create(network(choice), { workers: 1, optimizer })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining(`"${choice}" of "first/kernel"`),
      remedy: expect.stringContaining('"bc"'),
    });
  });

  test("is none where all that is trained is binary", async () => {
    const graph = sequential({ inputShape: SHAPE }, [
      layers.flatten(),
      layers.binaryDense({ units: 3, weightQuantizer: "bc", activationQuantizer: null }),
    ]);
    const trainer = await trained(graph, optimizers.bop({ gamma: 0.1, threshold: 1e-4 }));
    const events = await eventsOf(trainer.fit(data, { epochs: 2, batchSize: 16, flipRatio: true }));
    expect(events.find(({ type }) => type === "step")).toMatchObject({ learningRate: 0 });
    expect(events.at(-1)).toMatchObject({ flipRatio: { total: expect.any(Number) } });
  });
});

describe("the weights of Bop", () => {
  const bop = caseOptimizer({ binary: optimizers.bop({ gamma: 0.02, threshold: 1e-5 }), rest });

  test("are -1 and +1 from the start to the end, the signs of the initial ones at first", async () => {
    const [trainer, latent] = [await trained(network(), bop), await trained(network(), rest)];
    const first = await trainer.weights();
    for (const [name, values] of await latent.weights()) {
      if (name !== "first/kernel" && name !== "second/kernel") expect(first.get(name)).toEqual(values);
      else expect(first.get(name)).toEqual(values.map((value) => (value < 0 ? -1 : 1)));
    }
    await eventsOf(trainer.fit(data, { epochs: 4, batchSize: 16 }));
    const last = await trainer.weights();
    for (const name of ["first/kernel", "second/kernel"]) {
      expect(last.get(name)?.every((value) => value === 1 || value === -1)).toBe(true);
      expect(last.get(name)).not.toEqual(first.get(name));
    }
  });

  test("are the signs of what they are set to", async () => {
    const trainer = await trained(network(), bop);
    const size = (await trainer.weights()).get("second/kernel")?.length ?? 0;
    const given = Float32Array.from({ length: size }, (_, i) => [0.3, -2, 0, -0][i % 4] as number);
    await trainer.setWeights(new Map([["second/kernel", given]]));
    const set = (await trainer.weights()).get("second/kernel");
    expect(set).toEqual(Float32Array.from(given, (value) => (value < 0 ? -1 : 1)));
  });

  test.each([
    ["Bop", optimizers.bop({ gamma: 0.02, threshold: 1e-5 })],
    ["biased second-order Bop", optimizers.bop2({ gamma: 0.02, sigma: 0.05, threshold: 0.05 })],
    ["unbiased second-order Bop", optimizers.bop2({ gamma: 0.02, sigma: 0.05, threshold: 0.5, unbiased: true })],
  ])("are learned by %s: it beats a network whose binary weights stand still", async (_title, binary) => {
    const lossOf = async (optimizer: Optimizer, workers: number): Promise<number> => {
      const trainer = await trained(network(), optimizer, workers);
      const events = await eventsOf(trainer.fit(data, { epochs: 12, batchSize: 16, validate: false }));
      return events.at(-1)?.loss ?? Number.NaN;
    };
    const still = caseOptimizer({ binary: optimizers.sgd({ learningRate: 0 }), rest });
    const learned = caseOptimizer({ binary, rest });
    const loss = await lossOf(learned, 1);
    expect(loss).toBeLessThan(0.8 * (await lossOf(still, 1)));
    expect(await lossOf(learned, 2)).toBe(loss);
  });
});

test("a quantizer of its own may be the plain sign", async () => {
  const plain = quantizers.bnn({ name: "mine", clipLatent: 0 });
  const trainer = await trained(network(plain), caseOptimizer({ binary: optimizers.bop2(), rest }));
  await eventsOf(trainer.fit(data, { epochs: 1, batchSize: 16, validate: false }));
  expect((await trainer.weights()).get("first/kernel")?.every((value) => Math.abs(value) === 1)).toBe(true);
});
