/**
 * Optima that others have found: three data sets of scikit-learn, and the results of its linear models. Each problem has one
 * solution only, so training must come to it. Inputs and real targets are standardised, to mean 0 and variance 1.
 *
 * - iris: softmax regression, minus log-likelihood + |W|^2 / 2 (`LogisticRegression(C=1)`)
 * - linnerud: least squares, three targets (`LinearRegression`)
 * - `make_multilabel_classification(80, 6, 4, 2, seed 3)`: a logistic regression a label, as iris
 */
import { expect, test } from "vitest";
import { type Dataset, type Split, split } from "../ts/data/index.ts";
import {
  type LossTerm,
  layers,
  losses,
  optimizers,
  type Schedule,
  schedules,
  sequential,
  Trainer,
} from "../ts/index.ts";
import { load } from "../ts/inference/index.ts";
import known from "./known-results.json" with { type: "json" };

type Rows = readonly (readonly number[])[];

/** Columns of mean 0 and variance 1. */
function standardised(rows: Rows): Rows {
  const columns = (rows[0] as readonly number[]).map((_, i) => rows.map((row) => row[i] as number));
  const facts = columns.map((column) => {
    const mean = column.reduce((sum, x) => sum + x, 0) / column.length;
    return { mean, deviation: Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / column.length) };
  });
  return rows.map((row) => row.map((x, i) => (x - (facts[i]?.mean ?? 0)) / (facts[i]?.deviation ?? 1)));
}

/** Rates that fall to 0, so that the last steps are small. */
const rate: Schedule = schedules.cosine(0.1, 0);

/** Trains one layer on all examples at a time, to where nothing moves. */
async function optimum(examples: Split, units: number, objective: Parameters<typeof Trainer.create>[1], epochs = 600) {
  const graph = sequential({ inputShape: examples.shape }, [layers.dense({ units, name: "only" })]);
  const optimizer = optimizers.adam({ learningRate: rate });
  const trainer = await Trainer.create(graph, { optimizer, workers: 1, seed: 1, ...objective });
  const data: Dataset = { name: "known", classes: [], train: examples, test: examples };
  try {
    for await (const _ of trainer.fit(data, { epochs, batchSize: examples.count, validate: false }));
    const weights = await trainer.weights();
    const { loss, accuracy } = await trainer.evaluate(examples);
    return {
      kernel: [...(weights.get("only/kernel") ?? [])],
      bias: [...(weights.get("only/bias") ?? [])],
      loss,
      accuracy,
    };
  } finally {
    trainer.close();
  }
}

function expectNear(found: readonly number[], wanted: readonly number[], distance = 2e-3): void {
  expect(found.length).toBe(wanted.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - (wanted[i] as number)), `number ${i}: ${value}, not ${wanted[i]}`).toBeLessThan(distance);
  });
}

/** Class scores may all be moved by the same number. */
const centred = (values: readonly number[]): readonly number[] => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
};

test("iris is classified as softmax regression does it", async () => {
  const { inputs, labels, coefficients, intercepts, loss, right } = known.iris;
  const examples = split(standardised(inputs), labels, [4], { classes: 3 });
  const objective = [losses.crossEntropy(), losses.l2({ factor: 1 / inputs.length })];
  const found = await optimum(examples, 3, { objective }, 2000);
  expectNear(found.kernel, coefficients.flat());
  expectNear(centred(found.bias), centred(intercepts));
  expect(found.loss).toBeCloseTo(loss, 4);
  expect(Math.round(found.accuracy * inputs.length)).toBe(right);
});

test("linnerud is fitted as least squares does it", async () => {
  const { inputs, targets, coefficients, meanSquaredError } = known.linnerud;
  const examples = split(standardised(inputs), null, [3], { targets: standardised(targets) });
  const found = await optimum(examples, 3, { objective: [losses.meanSquaredError()] });
  expectNear(found.kernel, coefficients.flat());
  expectNear(found.bias, [0, 0, 0]);
  expect(found.loss).toBeCloseTo(meanSquaredError, 4);
});

test("several labels of an example are told as logistic regressions do it", async () => {
  const { inputs, targets, coefficients, intercepts, loss, right } = known.multilabel;
  const examples = split(standardised(inputs), null, [6], { targets });
  const objective = [losses.binaryCrossEntropy(), losses.l2({ factor: 1 / (4 * inputs.length) })];
  const found = await optimum(examples, 4, { objective });
  expectNear(found.kernel, coefficients.flat());
  expectNear(found.bias, intercepts);
  expect(found.loss).toBeCloseTo(loss, 4);
  expect(Math.round(found.accuracy * targets.flat().length)).toBe(right);
});

test("a file says that its examples have any number of classes, where the loss compared several labels", async () => {
  const graph = sequential({ inputShape: [2] }, [layers.dense({ units: 3 })]);
  const loaded = async (objective: readonly LossTerm[]) => {
    const trainer = await Trainer.create(graph, { workers: 1, objective });
    const session = await load(await trainer.pack());
    trainer.close();
    return session;
  };
  const several = await loaded([losses.l2({ factor: 0.1 }), losses.binaryCrossEntropy()]);
  expect(several.metadata).toEqual({ labels: "many" });
  const [found = []] = await several.classify(new Float32Array(2), { count: 1 });
  expect(found.map(({ probability }) => probability)).toEqual([0.5, 0.5, 0.5]);
  for (const one of [losses.crossEntropy(), losses.binaryCrossEntropy({ truth: "labels" }), losses.hinge()]) {
    expect((await loaded([one])).metadata).toEqual({});
  }
});
