/**
 * Self-distillation by progressive refinement (PS-KD: Kim et al., "Self-Knowledge Distillation with Progressive Refinement of
 * Targets", ICCV 2021). The network learns from its own answers of the epoch before: the truth of an example in epoch t of E is
 * (1 - a) y + a p, y being 1 for its class, p its answer after epoch t - 1, and a = share (t - 1) / (E - 1). The first epoch
 * has the labels alone, and the last one the whole share.
 *
 * Answers are those of the hard-signed network to the examples as they are. In the paper a = share t / E, and answers are those
 * of the epoch under way.
 */
import { listOf } from "../base/checks.ts";
import { ProxbitError } from "../base/errors.ts";
import { bufferChanged } from "../data/changed.ts";
import { isStream, type Split } from "../data/dataset.ts";
import { number, optional } from "../nn/fields.ts";
import { shapesOf } from "../nn/network.ts";
import { elementsOf, type Shape } from "../nn/shapes.ts";
import { exactExp } from "../quantizers/elementary.ts";
import { losses, type Objective } from "../train/losses/index.ts";
import type { LossTerm } from "../train/losses/term.ts";
import type { MethodCall, MethodWork } from "../train/method.ts";
import { type MethodRecord, makerOf } from "./define.ts";

export interface SelfDistillationOptions {
  /** The share of the network's own answers in the truth of the last epoch, in [0, 1); 0.8 where absent. */
  readonly share?: number | undefined;
}

const NAME = "self-distillation";

export const selfDistillationRecord: MethodRecord<SelfDistillationOptions> = {
  name: NAME,
  about: "the network learns from its own answers of the epoch before, more and more",
  source: "Kim et al., ICCV 2021",
  fields: { share: optional(number(0, 0.999), 0.8) },
  make: ({ share }) => ({ objective: softened, fit: (call) => refinement(call, share) }),
};

/** The method. @throws ProxbitError `argument` */
export const selfDistillation = makerOf(selfDistillationRecord);

/** The cross-entropy with labels only keeps the score; the one with targets is what is learned from. */
function softened(objective: Objective): readonly LossTerm[] {
  const at = objective.findIndex(({ isScore }) => isScore === true);
  const { loss, truth, factor, classWeights } = objective[at]?.facts ?? {};
  if (loss !== "crossEntropy" || truth !== "labels" || classWeights !== null) {
    throw new ProxbitError(
      "argument",
      `the method "${NAME}" softens the truth of a cross-entropy with labels, and the objective's first loss is another`,
      "Put losses.crossEntropy() first, without class weights; on the command line leave --loss and --class-weights out.",
    );
  }
  const score = losses.crossEntropy({ factor: 0, name: objective[at]?.name });
  const learned = losses.crossEntropy({ truth: "targets", factor: factor as number, name: NAME });
  return objective.flatMap((term, i) => (i === at ? [score, learned] : [term]));
}

function refinement({ graph, data, epochs }: MethodCall, share: number): MethodWork {
  const { train } = data;
  if (isStream(train))
    throw noAnswers("a stream, whose examples have no numbers", "Give the training examples as a split.");
  if (train.targets !== undefined) throw noAnswers("targets of its own", "Leave targets out of the training examples.");
  const { count } = train;
  const classes = elementsOf(shapesOf(graph).get(graph.output) as Shape);
  const labels = listOf(Array.from(train.labels), count, count, "labels", { code: "data", what: `method "${NAME}"` });
  const targets = new Float32Array(count * classes);
  const refine = (own: number, answers: Float32Array | null): void => {
    for (let i = 0; i < count; i++) {
      const row = targets.subarray(i * classes, (i + 1) * classes);
      if (answers === null) row.fill(0);
      else row.set(softmax(answers.subarray(i * classes, (i + 1) * classes)).map((p) => own * p));
      const label = labels[i] as number;
      row[label] = (row[label] as number) + (1 - own);
    }
    bufferChanged(targets.buffer);
  };
  refine(0, null);
  const own: Split = { ...train, targets };
  return {
    data: { ...data, train: own },
    tasks: [
      {
        name: NAME,
        run: async ({ epoch, predict }) => {
          if (epoch === epochs) return undefined;
          const next = (share * epoch) / (epochs - 1);
          refine(next, await predict(train));
          return { share: next };
        },
        save: () => ({ targets }),
        restore: (saved) => {
          targets.set((saved as { readonly targets: Float32Array }).targets);
          bufferChanged(targets.buffer);
        },
      },
    ],
  };
}

function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((largest, logit) => Math.max(largest, logit), Number.NEGATIVE_INFINITY);
  const heights = Array.from(logits, (logit) => exactExp(logit - most));
  const sum = heights.reduce((total, height) => total + height, 0);
  return heights.map((height) => height / sum);
}

const noAnswers = (what: string, remedy: string): ProxbitError =>
  new ProxbitError(
    "argument",
    `the method "${NAME}" keeps an answer for each example, and the data has ${what}`,
    remedy,
  );
