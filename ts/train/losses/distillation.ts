/**
 * Distillation: the network learns the answers of a teacher. The loss is T^2 times the cross-entropy of softmax(logits / T)
 * with softmax(teacher's logits / T). T^2 keeps the gradients' size, which scales as 1 / T^2 (Hinton et al., "Distilling the
 * Knowledge in a Neural Network", 2015, section 2). Its least value is T^2 times the entropy of the teacher's answers, not 0.
 */
import { numberIn } from "../../base/checks.ts";
import { k } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import { type CompareOptions, readOptions, termOf } from "./compare.ts";
import { checkLogits } from "./cross-entropy.ts";
import type { LossTerm } from "./term.ts";

export interface DistillationOptions extends CompareOptions {
  /** T, from 0.01 to 1000; 4 where absent. A higher one tells more of the wrong answers. */
  readonly temperature?: number | undefined;
}

/**
 * The loss against the teacher's logits, which are the targets of the examples: `withTeacher(data, teacher)` puts them there.
 * Beside `crossEntropy`, each with a factor.
 *
 * @example
 * objective: [losses.crossEntropy({ factor: 0.5 }), losses.distillation({ factor: 0.5, temperature: 4 })]
 * @throws ProxbitError `argument`
 */
export function distillation(options: DistillationOptions = {}): LossTerm {
  const { given, subject, own } = readOptions(options, "distillation", "targets", ["temperature"]);
  const temperature = numberIn(given.temperature ?? 4, 0.01, 1000, "temperature", subject);
  return termOf({
    ...own,
    facts: { ...own.facts, temperature },
    isAnswered: true,
    meaning: "classes",
    check: (network, output) => checkLogits(network, output, "distillation"),
    // Smoothing is for labels; a teacher's answers are soft already.
    call: ({ outputs: logits, labels: _, targets, smoothing: _none, ...rows }, results) =>
      k.softCrossEntropy({ ...rows, ...results, logits, targets: targets as Place, temperature, smoothing: null }),
  });
}
