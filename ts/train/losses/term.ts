/**
 * A loss term: one summand of a step's objective. It is planned like a layer, and has results with names.
 *
 * A result is a sum of shares in f64, which the core writes one by one and the caller's thread adds up in their order. So a
 * result is the same for any number of workers.
 */
import type { Network } from "../../nn/network.ts";
import type { Shape } from "../../nn/shapes.ts";
import type { KernelCall } from "../../program/call.ts";
import type { Place } from "../../program/place.ts";
import type { Emit } from "../../program/program.ts";
import type { Live, PlanContext, Sinks } from "../plan/context.ts";
import type { ParameterLayout } from "../plan/layout.ts";

export interface LossTerm {
  /** The name of the term's value in events; no two terms of an objective share one. */
  readonly name: string;
  /** Nodes whose values the term reads. */
  readonly reads?: readonly string[] | undefined;
  /** Parameters that the term reads by name. */
  readonly parameters?: readonly string[] | undefined;
  /** The truth that the term compares the output with. Data that lacks it is refused before the first step; nothing where absent. */
  readonly truth?: readonly TermTruth[] | undefined;
  /**
   * Whether the term compares the output with the truth. Evaluations take the first such term of an objective alone: it is the
   * score. Its results begin with `loss` and `correct`, sums over images.
   */
  readonly isScore?: true;
  /** The meaning of a score's targets: the largest one names the class, or each says yes or no. "sides" where absent. */
  readonly meaning?: "classes" | "sides" | undefined;
  /** True where the term reads label smoothing. A run that smooths needs such a term. */
  readonly isSmoothed?: true;
  /** True for a score with the factor 0, which adds nothing to the loss; events leave it out. */
  readonly isMute?: true;
  /** "many" where each example has any number of classes, each with a logit of its own; a packed file says so. */
  readonly labels?: "many" | undefined;
  /** The numbers and words that the term was made with, which a run that goes on from a checkpoint is held against. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /**
   * Throws "argument" or "shape" for a network that the term does not suit. The names that it gives are known; `output` is the
   * node whose value is the network's answer.
   */
  readonly check?: (network: Network, layout: ParameterLayout, output: string) => void;
  /** Remedies by kernels of the term, where one meets a number that is not finite for a reason of its own. */
  readonly remedies?: Readonly<Record<string, string>>;
  /** The fewest examples of a step that the term says anything of; 1 where absent. */
  readonly leastBatch?: number;
  /** Tensors that the term carries from step to step, f32, zeros at first. Checkpoints hold them. */
  readonly state?: (network: Network) => readonly TermTensor[];
  readonly plan: (context: LossContext) => TermPlan;
}

/** The truth that a term reads. "shares" are targets that are distributions over the classes: not negative, with the sum 1. */
export type TermTruth = "labels" | "targets" | "shares";

/** A tensor of a term's state; its name is one of the term's own. */
export interface TermTensor {
  readonly name: string;
  readonly shape: Shape;
}

/** A term sees this while it is planned. */
export interface LossContext {
  readonly layers: PlanContext;
  /** The node whose value the network's answer is. */
  readonly output: string;
  /** Images of a batch. */
  readonly batch: number;
  /** The class numbers of a batch, u32 `[batch]`. */
  readonly labels: Place;
  /** The wanted output, f32 `[batch][elements]`; null where no term says that it reads targets. */
  readonly targets: Place | null;
  /** The place of the batch's predictions, u32 `[batch]`. */
  readonly predictions: Place;
}

/** The work of a term in a step. */
export interface TermPlan {
  /** The names of the results, the one that the value is made of first, and the number of shares of each. */
  readonly results: {
    readonly names: readonly string[];
    readonly shares: number;
    /** The factor of each share where they are added up; 1 where absent. */
    readonly factors?: readonly number[];
  };
  /** The term's value for a batch of `images`, out of its results in the order of their names. */
  readonly value: (results: readonly number[], images: number) => number;
  /** A score says false where no answer is right or wrong, so that `correct` says nothing. */
  readonly isAnswered?: boolean;
  /** Numbers that change from step to step, f64. */
  readonly live?: { readonly count: number; readonly numbers: (live: Live) => readonly number[] };
  /** Writes the results, and the term's gradients at values, behind the forward pass. */
  readonly write: (step: LossStep) => void;
  /** The calls that leave the next step its state. They are one job beside the update, so a step that fails changes nothing. */
  readonly update?: () => readonly KernelCall[];
  /** Adds the term's gradient to that at a parameter; piece by piece, where the layers' share is complete. */
  readonly addTo?: (parameter: string, piece: Piece) => readonly KernelCall[];
}

/** A term is written down for one step with this. */
export interface LossStep {
  readonly emit: (node: string) => Emit;
  /** Images of the batch that count; the rest only fill it up. */
  readonly valid: number;
  /** The place of a share: one f64 for each name. */
  readonly share: (index: number) => Place;
  /** The live numbers. */
  readonly live: Place;
  /** The weights of the batch's examples, f32 `[batch]`; null where the data has none, and all count alike. */
  readonly weights: Place | null;
  /** Takes gradients at values; null in an evaluation, which has none. */
  readonly sinks: Sinks | null;
}

/** A stretch of a parameter. */
export interface Piece {
  readonly weights: Place;
  readonly gradient: Place;
  readonly count: number;
}
