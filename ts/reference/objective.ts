/** The objective of a step on tfjs: each term's value, its gradients, and how far ours may be from them. */
import type { Graph } from "../nn/graph.ts";
import { isTrained, parametersOf } from "../nn/parameters.ts";
import { losses } from "../train/losses/index.ts";
import type { LossTerm } from "../train/losses/term.ts";
import { referenceLossOf } from "./losses/index.ts";
import type { ChosenLoss, LossGiven, LossName, Truth } from "./losses/loss.ts";
import type { Near } from "./maps.ts";
import { FEW } from "./rounding.ts";
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** The objective where a case names none. */
export const plainLosses: readonly ChosenLoss[] = Object.freeze([{ loss: "crossEntropy", options: {} } as const]);

/** Our own term. */
export const termOf = ({ loss, options }: ChosenLoss): LossTerm =>
  (losses[loss] as (options: ChosenLoss["options"]) => LossTerm)(options);

/** The numbers that terms read. */
interface Source {
  readonly tf: TensorFlow;
  readonly graph: Graph;
  readonly truth: Truth;
  readonly value: (node: string) => Tensor;
  readonly parameter: (name: string) => Tensor;
  /** The numbers that terms carry from step to step, as "term/tensor". */
  readonly states: ReadonlyMap<string, Float32Array>;
}

/** A place that a term has a gradient at. */
interface Place {
  readonly kind: "value" | "parameter";
  readonly name: string;
}

export interface ReferenceTerm {
  /** The term's name in events. */
  readonly name: string;
  /** True where it compares the output with the truth. */
  readonly isScore: boolean;
  readonly reads: readonly Place[];
  readonly value: () => Near;
  readonly gradient: (at: Place) => Near;
  /** The share of right answers; null where answers are neither right nor wrong. */
  readonly accuracy: (() => Near) | null;
}

/** The terms over the numbers of `source`, which are read within a tidy of tfjs's. */
export const termsOver = (source: Source, objective: readonly ChosenLoss[]): readonly ReferenceTerm[] =>
  objective.map((chosen) => termOver(source, chosen));

function termOver({ tf, graph, truth, value, parameter, states }: Source, chosen: ChosenLoss): ReferenceTerm {
  const loss = referenceLossOf(chosen.loss);
  const { name, isScore } = termOf(chosen);
  const kernels = parametersOf(graph).filter((own) => isTrained(own) && own.key === "kernel");
  const given: LossGiven<LossName> = {
    ...{ tf, truth, value, parameter },
    state: (own) => states.get(`${name}/${own}`) ?? new Float32Array(),
    options: chosen.options,
    output: graph.output,
    kernels: kernels.map((own) => own.name),
  };
  const { values, parameters } = loss.reads(given);
  const right = loss.right(given);
  return {
    name,
    isScore: isScore === true,
    reads: [
      ...values.map((node) => ({ kind: "value", name: node }) as const),
      ...parameters.map((own) => ({ kind: "parameter", name: own }) as const),
    ],
    value: () => {
      const total = loss.value(given);
      return { value: total, distance: loss.distance(given, total) };
    },
    gradient: (at) => {
      const read = given[at.kind];
      const gradient = tf.grad((moved: Tensor) => {
        const moving = (own: string): Tensor => (own === at.name ? moved : read(own));
        return loss.value({ ...given, [at.kind]: moving });
      })(read(at.name));
      return { value: gradient, distance: loss.gradientDistance(given, gradient) };
    },
    accuracy: right === null ? null : () => ({ value: tf.mean(tf.cast(right(), "float32")), distance: tf.scalar(FEW) }),
  };
}
