/**
 * Terms that compare the network's output with the truth of the data. They share their options, the weights of examples and
 * classes, and their place in a step.
 */
import { listOf, numberIn, oneOf, plainObject, reject, type Subject, safeName } from "../../base/checks.ts";
import { describe } from "../../base/describe.ts";
import { ProxbitError } from "../../base/errors.ts";
import type { Network } from "../../nn/network.ts";
import { isAlias } from "../../nn/nodes.ts";
import { elementsOf, rowsOf, type Shape } from "../../nn/shapes.ts";
import { type KernelCall, k } from "../../program/call.ts";
import { at, type Place } from "../../program/place.ts";
import type { Lane } from "../plan/context.ts";
import type { LossContext, LossStep, LossTerm, TermPlan } from "./term.ts";

/** The truth that the output is compared with: class numbers, or numbers of its own shape. */
export type Truth = "labels" | "targets";

export interface CompareOptions {
  /** Multiplies the term in the sum of the objective, from 0; 1 where absent. Evaluations leave it out. */
  readonly factor?: number | undefined;
  /** The name in events; that of the loss where absent. */
  readonly name?: string | undefined;
}

export interface TruthOptions extends CompareOptions {
  /** The truth that the output is compared with. Class numbers count as targets of 1 for the class and 0 for the others. */
  readonly truth?: Truth | undefined;
  /** The weight of each class in the loss, from 0; beside `labels` only. Examples of a class count so many times. */
  readonly classWeights?: readonly number[] | undefined;
}

/** The calls of a term for the rows of a lane. */
export interface RowsGiven {
  readonly outputs: Place;
  readonly labels: Place;
  readonly targets: Place | null;
  readonly weights: Place | null;
  readonly rows: number;
  readonly validRows: number;
  readonly size: number;
  readonly inverseBatch: number;
  /** The share of labels that all have alike, f64; null in evaluations. */
  readonly smoothing: Place | null;
}

export interface RowsResults {
  readonly gradient: Place | null;
  readonly result: Place;
  readonly predictions: Place;
}

/** A loss over the output. */
export interface Comparison {
  readonly name: string;
  readonly truth: Truth;
  readonly factor: number;
  readonly classWeights: Float32Array | null;
  /** True where an answer is right or wrong; not of real numbers. */
  readonly isAnswered: boolean;
  /** True where the loss reads label smoothing. */
  readonly isSmoothed?: boolean;
  /** True where targets are distributions over the classes. */
  readonly isOfShares?: boolean;
  /** See `LossTerm.meaning`; it says nothing of labels. */
  readonly meaning?: "classes" | undefined;
  /** See `LossTerm.labels`. */
  readonly labels?: "many" | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Throws for an output that the loss does not suit. */
  readonly check: (network: Network, output: string) => void;
  readonly call: (given: RowsGiven, results: RowsResults) => KernelCall;
}

export const termOf = (comparison: Comparison): LossTerm => ({
  name: comparison.name,
  truth: [comparison.truth, ...(comparison.isOfShares === true ? (["shares"] as const) : [])],
  isScore: true,
  meaning: comparison.meaning,
  ...(comparison.isSmoothed === true ? { isSmoothed: true } : {}),
  ...(comparison.factor === 0 ? { isMute: true } : {}),
  ...(comparison.labels === undefined ? {} : { labels: comparison.labels }),
  facts: comparison.facts,
  check: (network, _layout, output) => {
    comparison.check(network, output);
    const { classWeights, name, truth } = comparison;
    const shape = network.shapes.get(output) as Shape;
    const elements = elementsOf(shape);
    if (truth === "labels" && rowsOf(shape).rows > 1) throw severalRows(name, shape);
    if (classWeights !== null && classWeights.length !== elements) throw otherClasses(name, classWeights, elements);
  },
  plan: (context) => planComparison(comparison, context),
});

/** The options that say which truth is read, beside those of every loss. */
export const truthKeys = ["truth", "classWeights"] as const;

/** The options of a loss, checked; `more` are those beside factor and name. Throws "argument". */
export function readOptions(options: unknown, loss: string, usual: Truth, more: readonly string[]) {
  const subject: Subject = { code: "argument", what: `losses.${loss}` };
  const given = plainObject(options, ["factor", "name", ...more], subject);
  const truth = oneOf(given.truth ?? usual, ["labels", "targets"] as const, "truth", subject);
  const factor = numberIn(given.factor ?? 1, 0, 1e6, "factor", subject);
  const name = safeName(given.name ?? loss, "name", subject);
  const weights =
    given.classWeights === undefined
      ? null
      : listOf(given.classWeights, 1, 2 ** 24, "classWeights", subject).map((weight) =>
          numberIn(weight, 0, 1e6, "classWeights", subject),
        );
  if (weights !== null && truth === "targets") {
    reject(subject, "classWeights", 'left out where truth is "targets"', weights);
  }
  const facts = { loss, truth, factor, classWeights: weights };
  return {
    given,
    subject,
    own: { name, truth, factor, facts, classWeights: weights === null ? null : Float32Array.from(weights) },
  };
}

function planComparison(comparison: Comparison, context: LossContext): TermPlan {
  const { layers, output, batch, labels, targets, predictions } = context;
  const { factor, isAnswered, classWeights, truth } = comparison;
  const size = elementsOf(layers.shape(output));
  /** The term's own gradient, where another term has written some before; and the weights of a lane's rows. */
  const own = layers.memory.declare((lane) => 4 * size * lane.images);
  const ofClasses = classWeights === null ? null : layers.memory.constant(classWeights);
  const rowWeights = ofClasses === null ? null : layers.memory.allocate(4 * batch);

  const write = ({ emit: by, valid, share, live, weights, sinks }: LossStep): void => {
    const emit = by(output);
    const call = (lane: Lane, gradient: Place | null): void => {
      const from = (place: Place): Place => at(place, 4 * lane.first);
      const example = weights === null ? null : from(weights);
      if (ofClasses !== null && rowWeights !== null) {
        const given = { own: example, classWeights: ofClasses, classes: size, labels: from(labels) };
        emit.lane(lane.index, k.rowWeights({ ...given, rows: lane.images, out: from(rowWeights) }));
      }
      const given: RowsGiven = {
        outputs: layers.value(output, lane),
        labels: from(labels),
        targets: truth === "labels" || targets === null ? null : at(targets, 4 * size * lane.first),
        weights: rowWeights === null ? example : from(rowWeights),
        rows: lane.images,
        validRows: Math.max(0, Math.min(lane.images, valid - lane.first)),
        size,
        inverseBatch: factor / valid,
        smoothing: gradient === null ? null : live,
      };
      const results = { gradient, result: share(lane.index), predictions: from(predictions) };
      emit.lane(lane.index, comparison.call(given, results));
    };
    if (sinks === null) {
      for (const lane of layers.lanes) call(lane, null);
      return;
    }
    sinks.into(output, output, (lane, gradient, accumulate) => {
      call(lane, accumulate ? own(lane) : gradient);
      if (!accumulate) return;
      emit.lane(lane.index, k.addInto({ y: gradient, x: own(lane), count: size * lane.images }));
    });
  };

  return {
    results: { names: ["loss", "correct"], shares: layers.lanes.length },
    value: ([loss = 0], images) => (factor * loss) / images,
    isAnswered,
    live: { count: 1, numbers: (moment) => [moment.kind === "train" ? (moment.smoothing ?? 0) : 0] },
    write,
  };
}

/** Refuses an output that has gone through `op` already, whose loss takes numbers from before it. */
export function refuseBehind(network: Network, output: string, loss: string, op: "softmax" | "sigmoid"): void {
  let node = network.nodes.get(output);
  while (node !== undefined && isAlias(node)) node = network.nodes.get(node.inputs[0]);
  if (node === undefined) return;
  const given = node.op === "activation" ? node.attributes.activation : node.op;
  if (given !== op) return;
  throw new ProxbitError(
    "argument",
    `losses.${loss} takes logits, and the output "${output}" has gone through ${op} already, which the loss does itself`,
    `Leave the layer "${node.name}" out: the session gives probabilities where they are asked for.`,
  );
}

/** A label names one class of one row, and a dense layer that nobody flattened for gives many. */
const severalRows = (name: string, shape: Shape): ProxbitError =>
  new ProxbitError(
    "shape",
    `the loss term "${name}" compares labels with one row of classes, and the output has the shape ${describe(shape)}`,
    "Put layers.flatten() or a pool in front of the last layer.",
  );

const otherClasses = (name: string, weights: Float32Array, elements: number): ProxbitError =>
  new ProxbitError(
    "shape",
    `the loss term "${name}" has ${weights.length} class weights, and the network ${elements} classes`,
    "Give one weight for each class.",
  );
