/**
 * Mean cross-entropy of softmax(logits) with the truth, in nats: with class numbers, or with a distribution over the classes
 * for each example. With label smoothing (Szegedy et al., CVPR 2016, section 7) all classes have a share of the truth alike.
 */
import { ProxbitError } from "../../base/errors.ts";
import type { Network } from "../../nn/network.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import { readOptions, refuseBehind, type TruthOptions, termOf, truthKeys } from "./compare.ts";
import type { LossTerm } from "./term.ts";

/**
 * The loss of classification. Targets are numbers from 0 that sum to 1 for each example, within 1e-3. Others are refused.
 *
 * @throws ProxbitError `argument`
 */
export function crossEntropy(options: TruthOptions = {}): LossTerm {
  const { own } = readOptions(options, "crossEntropy", "labels", truthKeys);
  return termOf({
    ...own,
    isAnswered: true,
    isSmoothed: true,
    isOfShares: own.truth === "targets",
    meaning: "classes",
    check: (network, output) => checkLogits(network, output, "crossEntropy"),
    call: ({ outputs: logits, labels, targets, size, ...rows }, { gradient, ...results }) =>
      own.truth === "labels"
        ? k.softmaxCrossEntropy({ ...rows, logits, labels, classes: size, ...results, dlogits: gradient })
        : k.softCrossEntropy({
            ...{ ...rows, logits, size, ...results, gradient },
            targets: targets as Place,
            temperature: 0,
          }),
  });
}

/** That the output can be the logits of several classes. */
export function checkLogits(network: Network, output: string, loss: string): void {
  refuseBehind(network, output, loss, "softmax");
  if (elementsOf(network.shapes.get(output) as Shape) > 1) return;
  throw new ProxbitError(
    "argument",
    `losses.${loss} has one class to choose from: the output "${output}" is a single number, and its loss is always 0`,
    "Give the last layer one unit a class, or take losses.binaryCrossEntropy() or a loss of real numbers.",
  );
}
