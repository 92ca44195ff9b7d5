/**
 * This method hardens by what a run does, and is ours. While quantizers are soft, the network that trains and its hard-signed one
 * drift apart: first both learn, then the hard-signed one gets worse. Here that one is evaluated behind each epoch, on some of the
 * training examples. Once it has not become better for `patience` epochs, the soft quantizers become signs.
 *
 * Quantizers that harden earlier by their own schedule do. Where all have, nothing is evaluated any more.
 */
import { integerIn, numberIn, plainObject, type Subject } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { isStream, type Split } from "../data/dataset.ts";
import { take } from "../data/split.ts";
import { integer, optional } from "../nn/fields.ts";
import type { Graph } from "../nn/graph.ts";
import { quantizedOperands } from "../nn/operands.ts";
import { stateAt } from "../quantizers/state.ts";
import type { MethodCall } from "../train/method.ts";
import type { EpochTask } from "../train/run/epoch-task.ts";
import type { Score } from "../train/run/score.ts";
import { type MethodRecord, makerOf } from "./define.ts";

export interface GapHardeningOptions {
  /** Epochs in a row without a better hard-signed network, from 1; 1 where absent. */
  readonly patience?: number | undefined;
  /** The training examples that it is evaluated on, the first ones, from 1; 2,000 where absent. */
  readonly examples?: number | undefined;
}

const NAME = "gap-hardening";
const SAME = "both say when quantizers become signs";

export const gapHardeningRecord: MethodRecord<GapHardeningOptions> = {
  name: NAME,
  about: "quantizers become signs once the hard-signed network stops improving",
  source: "ours",
  fields: { patience: optional(integer(1, 1000), 1), examples: optional(integer(1, 1e6), 2000) },
  make: ({ patience, examples }) => ({
    excludes: { "two-step": SAME, hardening: SAME },
    // Other methods have changed the network by then.
    objective: (objective, graph) => {
      if (softUntil(graph) === 0) throw nothingSoft(graph);
      return objective;
    },
    fit: ({ graph, data }) => ({ tasks: [watch(softUntil(graph), firstOf(data.train, examples), patience)] }),
  }),
};

/** The method. @throws ProxbitError `argument` */
export const gapHardening = makerOf(gapHardeningRecord);

/** The share of a run at whose end the last quantizer is a sign by its own schedule; 0 where all are from the first step on. */
function softUntil(graph: Graph): number {
  const soft = graph.nodes.flatMap((node) =>
    quantizedOperands(node).filter(({ quantizer }) => quantizer.hard === "sign" && !stateAt(quantizer, 0).hard),
  );
  return Math.max(0, ...soft.map(({ quantizer }) => quantizer.hardenAt));
}

function firstOf(train: MethodCall["data"]["train"], examples: number): Split {
  if (isStream(train)) throw noFirst();
  return take(train, Math.min(examples, train.count));
}

function watch(until: number, examples: Split, patience: number): EpochTask {
  /** The best worth so far, null before the first, and the epochs since then. */
  let best: number | null = null;
  let waited = 0;
  return {
    name: NAME,
    run: async ({ progress, hardened, evaluate, harden }) => {
      if (hardened || progress >= until) return undefined;
      const score = await evaluate(examples);
      const worth = worthOf(score);
      const isBetter = best === null || worth > best;
      waited = isBetter ? 0 : waited + 1;
      if (isBetter) best = worth;
      const isOver = waited >= patience;
      if (isOver) harden();
      return { loss: score.loss, accuracy: score.accuracy, hardened: Number(isOver) };
    },
    save: () => ({ best, waited }),
    restore: (saved) => {
      const given = plainObject(saved, ["best", "waited"], SAVED);
      best = given.best === null ? null : numberIn(given.best, -Number.MAX_VALUE, Number.MAX_VALUE, "best", SAVED);
      waited = integerIn(given.waited, 0, Number.MAX_SAFE_INTEGER, "waited", SAVED);
    },
  };
}

const SAVED: Subject = { code: "checkpoint", what: `the state of the method "${NAME}"` };

/** The accuracy; where no answer is right or wrong, the loss. One that is not finite is worth least. */
function worthOf({ loss, accuracy }: Score): number {
  const worth = Number.isNaN(accuracy) ? -loss : accuracy;
  return Number.isFinite(worth) ? worth : -Number.MAX_VALUE;
}

const nothingSoft = (graph: Graph): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" hardens soft quantizers, and "${graph.name}" has none that ends as a sign`,
    'Take a pair such as "bnn++" or "poly+", on the command line --quantizer bnn++, or leave the method out.',
  );

const noFirst = (): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" evaluates the network on the first training examples, and a stream has others in each epoch`,
    "Give the training examples as a split.",
  );
