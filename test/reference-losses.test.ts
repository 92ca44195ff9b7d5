/**
 * The guarantee: every term of a loss is compared with tfjs, and a mistake in it shows. Each small case agrees; then a slip is
 * made in what the workers are told, or in a result, and the rows that must show it do.
 */
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shapesOf } from "../ts/nn/network.ts";
import { elementsOf } from "../ts/nn/shapes.ts";
import type { KernelName } from "../ts/program/call.ts";
import type { Case } from "../ts/reference/cases.ts";
import type { LossName } from "../ts/reference/losses/loss.ts";
import { termOf } from "../ts/reference/objective.ts";
import { randomParameters, randomSplit, withTruth } from "../ts/reference/random.ts";
import type { Row } from "../ts/reference/report.ts";
import { compareBackward, compareForward } from "../ts/reference/step.ts";
import { operationCases } from "../ts/reference/subjects.ts";
import { createPool, type Pool } from "../ts/runtime/pool.ts";
import { createEngine } from "../ts/train/run/engine.ts";
import { type Observation, observeStep } from "../ts/train/run/observe.ts";
import { writeWeights } from "../ts/train/run/trained-weights.ts";
import { wrongArgument } from "./reference-tamper.ts";

const IMAGES = 4;
const cases = operationCases().filter(({ objective }) => objective !== undefined);
/** The term that the case is about; a cross-entropy may stand in front of it. */
const lossOf = ({ objective }: Case): LossName => objective?.at(-1)?.loss as LossName;
const casesOf = (loss: LossName): readonly Case[] => cases.filter((given) => lossOf(given) === loss);

/** Terms whose value has a row of its own, because they do not compare the output with the truth. */
const OWN: ReadonlySet<string> = new Set([
  "l1",
  "l2",
  "sineSquares",
  "kurtosis",
  "weightDivergence",
  "distance",
  "contrastive",
]);

let pool: Pool;
beforeAll(async () => {
  await tf.setBackend("cpu");
  pool = await createPool({ workers: 1 });
});
afterAll(() => pool.close());

const splitOf = ({ graph, truth }: Case) =>
  withTruth(randomSplit(graph, 1, IMAGES), 1, {
    elements: elementsOf(shapesOf(graph).get(graph.output) as readonly number[]),
    ...truth,
  });

async function observed(given: Case, tamper: (pool: Pool) => Pool = (same) => same): Promise<Observation> {
  const { graph, optimizer, objective, truth } = given;
  const terms = objective?.map(termOf);
  const engine = await createEngine(graph, optimizer, tamper(pool), { observed: true, objective: terms });
  await writeWeights(engine, randomParameters(graph, 1));
  return observeStep(engine, splitOf(given), IMAGES, { progress: 0.3, update: 1, smoothing: truth?.smoothing ?? 0 });
}

async function rowsOf(given: Case, seen: Observation): Promise<readonly Row[]> {
  const { name, graph, objective } = given;
  const step = { subject: name, graph, objective, split: splitOf(given), seen, kind: "train" } as const;
  const rows: Row[] = [];
  for (const part of [compareForward(tf, step), compareBackward(tf, step)]) {
    for await (const row of part) rows.push(row);
  }
  return rows;
}

/** The rows that are a mismatch, as "node quantity". */
const wrong = (rows: readonly Row[]): readonly string[] =>
  rows.filter(({ verdict }) => verdict === "mismatch").map(({ node, quantity }) => `${node} ${quantity}`);

describe.each(cases)("$name", (given) => {
  it("agrees in its value and its gradients", async () => {
    const rows = await rowsOf(given, await observed(given));
    expect(wrong(rows)).toEqual([]);
    expect(rows.filter(({ quantity }) => quantity === "loss")).toHaveLength(given.objective?.length as number);
    expect(rows.filter(({ quantity }) => quantity === "gradient")).toHaveLength(4);
  });

  it("shows a value that is a thousandth off", async () => {
    const seen = await observed(given);
    for (const [name, value] of Object.entries(seen.terms)) {
      const found = wrong(await rowsOf(given, { ...seen, terms: { ...seen.terms, [name]: 1.001 * value } }));
      expect(found).toEqual([`${OWN.has(name) ? name : "output"} loss`]);
    }
  });
});

/** A slip in what the workers are told of a term. */
interface Slip {
  readonly kernel: KernelName;
  readonly argument: string;
  readonly change: (value: number) => number;
  /** The rows that show it in every case of the term. */
  readonly shows: readonly string[];
}

const larger = (value: number): number => 1.01 * value;
/** Another loss of the same kernel. */
const other: Slip = {
  kernel: "target_loss",
  argument: "loss",
  change: (number) => number ^ 1,
  shows: ["output loss", "output gradient"],
};

const slips: Readonly<Record<LossName, Slip>> = {
  crossEntropy: {
    kernel: "softmax_cross_entropy",
    argument: "inverseBatch",
    change: larger,
    shows: ["output gradient"],
  },
  binaryCrossEntropy: other,
  meanSquaredError: other,
  meanAbsoluteError: other,
  huber: { ...other, argument: "delta", change: larger },
  hinge: other,
  squaredHinge: other,
  distillation: { ...other, kernel: "soft_cross_entropy", argument: "temperature", change: larger },
  l1: { kernel: "add_signs", argument: "factor", change: larger, shows: ["head/kernel gradient"] },
  l2: { kernel: "add_difference", argument: "factor", change: larger, shows: ["head/kernel gradient"] },
  kurtosis: { kernel: "add_kurtosis_slopes", argument: "factor", change: larger, shows: ["head/kernel gradient"] },
  weightDivergence: {
    kernel: "add_divergence_slopes",
    argument: "factor",
    change: larger,
    shows: ["head/kernel gradient"],
  },
  sineSquares: {
    kernel: "add_sine_squares",
    argument: "factor",
    change: larger,
    shows: ["head/kernel gradient"],
  },
  contrastive: {
    kernel: "contrast_slopes",
    argument: "factor",
    change: larger,
    shows: ["output gradient", "head gradient"],
  },
  distance: {
    kernel: "add_difference",
    argument: "factor",
    change: larger,
    shows: ["output gradient", "head gradient"],
  },
};

describe("a slip", () => {
  it.each(Object.entries(slips) as [LossName, Slip][])("in %s shows", async (loss, slip) => {
    expect(casesOf(loss).length).toBeGreaterThan(0);
    for (const given of casesOf(loss)) {
      // Distributions have a kernel of their own.
      const isSoft = loss === "crossEntropy" && given.truth?.targets !== undefined;
      const kernel = isSoft ? "soft_cross_entropy" : slip.kernel;
      const tamper = (own: Pool) => wrongArgument(own, kernel, slip.argument, (value) => slip.change(value as number));
      // Another loss than this one says yes to other targets.
      const isOther = loss === "binaryCrossEntropy" && given.truth?.targets !== undefined;
      const shows = isOther ? slip.shows.toSpliced(1, 0, "output accuracy") : slip.shows;
      expect(wrong(await rowsOf(given, await observed(given, tamper))), given.name).toEqual(shows);
    }
  });

  const kernels = ["softmax_cross_entropy", "soft_cross_entropy", "target_loss"] as const;
  const without = (argument: string) => (own: Pool) =>
    kernels.reduce((pool, kernel) => wrongArgument(pool, kernel, argument, () => null), own);
  const isWeighted = ({ objective, truth }: Case): boolean =>
    truth?.isWeighted === true || objective?.some(({ options }) => "classWeights" in options) === true;

  it.each(cases.filter(isWeighted))("of weights that are left out shows in $name", async (given) => {
    const found = wrong(await rowsOf(given, await observed(given, without("weights"))));
    expect(found).toEqual(["output loss", "output gradient"]);
  });

  it.each(cases.filter(({ truth }) => truth?.smoothing !== undefined))(
    "of a smoothing that is left out shows in $name",
    async (given) => {
      const found = wrong(await rowsOf(given, await observed(given, without("smoothing"))));
      expect(found).toEqual(["output loss", "output gradient"]);
    },
  );
});
