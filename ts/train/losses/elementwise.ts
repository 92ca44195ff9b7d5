/**
 * Losses that compare each number of the output with a target of its own. The loss of an example is the mean over its numbers,
 * that of a batch the mean over its examples, each times its weight. Formulas and sources stand beside the kernel
 * (`crates/kernels/src/target_loss.rs`).
 */
import { numberIn } from "../../base/checks.ts";
import { k } from "../../program/call.ts";
import { readOptions, refuseBehind, type Truth, type TruthOptions, termOf, truthKeys } from "./compare.ts";
import type { LossTerm } from "./term.ts";

export interface HuberOptions extends TruthOptions {
  /** The distance from the target where squares become magnitudes, above 0; 1 where absent. */
  readonly delta?: number | undefined;
}

/** The kernel's numbers of the losses. */
const numbers = {
  binaryCrossEntropy: 0,
  meanSquaredError: 1,
  meanAbsoluteError: 2,
  huber: 3,
  hinge: 4,
  squaredHinge: 5,
} as const;

type Name = keyof typeof numbers;

function elementwise(name: Name, usual: Truth, isAboutSides: boolean, options: HuberOptions): LossTerm {
  const { given, subject, own } = readOptions(options, name, usual, [
    ...truthKeys,
    ...(name === "huber" ? ["delta"] : []),
  ]);
  const delta = numberIn(given.delta ?? 1, 1e-12, 1e12, "delta", subject);
  return termOf({
    ...own,
    facts: name === "huber" ? { ...own.facts, delta } : own.facts,
    isAnswered: isAboutSides || own.truth === "labels",
    isSmoothed: name === "binaryCrossEntropy",
    labels: name === "binaryCrossEntropy" && own.truth === "targets" ? "many" : undefined,
    check: (network, output) => {
      if (name === "binaryCrossEntropy") refuseBehind(network, output, name, "sigmoid");
    },
    call: ({ labels, targets, smoothing, ...rows }, results) =>
      k.targetLoss({
        ...rows,
        ...results,
        loss: numbers[name],
        labels: own.truth === "labels" ? labels : null,
        targets,
        delta,
        smoothing: name === "binaryCrossEntropy" ? smoothing : null,
      }),
  });
}

/**
 * Cross-entropy of 1 / (1 + exp(-logit)) with each target, 0 or 1 or between: several labels of one example. An answer is
 * right where the logit is above 0 and the target above 1/2, or neither.
 *
 * @throws ProxbitError `argument`
 */
export const binaryCrossEntropy = (options: TruthOptions = {}): LossTerm =>
  elementwise("binaryCrossEntropy", "targets", true, options);

/** The mean of (output - target)^2. @throws ProxbitError `argument` */
export const meanSquaredError = (options: TruthOptions = {}): LossTerm =>
  elementwise("meanSquaredError", "targets", false, options);

/** The mean of |output - target|. @throws ProxbitError `argument` */
export const meanAbsoluteError = (options: TruthOptions = {}): LossTerm =>
  elementwise("meanAbsoluteError", "targets", false, options);

/** The mean of Huber's loss: d^2 / 2 up to `delta`, delta (|d| - delta / 2) beyond. @throws ProxbitError `argument` */
export const huber = (options: HuberOptions = {}): LossTerm => elementwise("huber", "targets", false, options);

/**
 * The mean of max(0, 1 - y * output), with y = +1 for the class and -1 for the others; of targets, +1 where they are above 0.
 *
 * @throws ProxbitError `argument`
 */
export const hinge = (options: TruthOptions = {}): LossTerm => elementwise("hinge", "labels", true, options);

/** The mean of the squares of `hinge`'s losses (Tang, 2013), the loss of BinaryNet. @throws ProxbitError `argument` */
export const squaredHinge = (options: TruthOptions = {}): LossTerm =>
  elementwise("squaredHinge", "labels", true, options);
