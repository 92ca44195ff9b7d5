/** QP-SBGD on a problem of the kind of Adult's a1a and on MNIST, beside the straight-through estimator and layers that stay. */
import { spreadOf } from "../../ts/compare/statistics.ts";
import { spreadText } from "../../ts/compare/tables.ts";
import { methods } from "../../ts/methods/index.ts";
import { freeze, type Graph } from "../../ts/nn/index.ts";
import { optimizers } from "../../ts/train/optimizers/optimizers.ts";
import { Trainer, type TrainerOptions } from "../../ts/train/run/trainer.ts";
import type { Benchmark } from "../frame/benchmark.ts";
import { networkFor, type Problem, problemsOf, signLayers } from "./problems.ts";

const EPOCHS = 5;
const BATCH = 64;
const SEEDS = [1, 2, 3];

interface Way {
  readonly name: string;
  readonly graphOf: (problem: Problem) => Graph;
  readonly options: TrainerOptions;
}

const optimizer = optimizers.adam({ learningRate: 0.01 });

const ways: readonly Way[] = [
  { name: "qp-sbgd", graphOf: networkFor, options: { optimizer, methods: [methods.qpSbgd({ learningRate: 0.1 })] } },
  {
    name: "qp-sbgd, projected",
    graphOf: networkFor,
    options: { optimizer, methods: [methods.qpSbgd({ learningRate: 2, projected: true })] },
  },
  { name: "straight through", graphOf: networkFor, options: { optimizer } },
  {
    name: "signs stay",
    graphOf: (problem) => freeze(networkFor(problem), signLayers(problem)),
    options: { optimizer },
  },
];

/** The test accuracy of the hard-signed network after the last epoch. */
async function trained({ graphOf, options }: Way, problem: Problem, seed: number, epochs: number): Promise<number> {
  const trainer = await Trainer.create(graphOf(problem), { ...options, seed });
  try {
    await trainer.fit(problem.data, { epochs, batchSize: BATCH, validate: false });
    return (await trainer.evaluate(problem.data.test)).accuracy;
  } finally {
    trainer.close();
  }
}

export const qpSbgdBenchmark: Benchmark = {
  title: "QP-SBGD",
  about:
    "Dense layers whose inputs and weights are signs, then a real one. The problem of the kind of Adult's a1a is drawn: 1,605 examples, 123 features of which 14 are there, two classes by a hidden rule, 5 % of them wrong; one layer of 16. MNIST has its first 6,000 digits, of which 2,000 others are tested; layers of 64 and 32. 5 epochs, batch 64, Adam with 0.01 for all that is real. QP-SBGD begins with the rate 0.1, projected with 2, and anneals five passes. Straight through is Adam on latent weights. Signs that stay show what the rest learns without them. Accuracies are those of the hard-signed network on test examples, with the deviation over three seeds.",
  async *run({ quick, expect, tick }) {
    const problems = await problemsOf(quick);
    const seeds = quick ? [1] : SEEDS;
    expect(problems.length * ways.length * seeds.length);
    for (const problem of problems) {
      const rows: (readonly string[])[] = [];
      for (const way of ways) {
        const runs: number[] = [];
        for (const seed of seeds) {
          runs.push(await trained(way, problem, seed, quick ? 1 : EPOCHS));
          tick();
        }
        rows.push([way.name, spreadText(spreadOf(runs))]);
      }
      yield { type: "table", title: problem.name, columns: ["training", "test accuracy, %"], rows };
    }
  },
};
