/**
 * A term of the objective on tfjs: its value, which tfjs differentiates, and how far a correct result of ours may be from it.
 * Ours are sums in f64 that are rounded once. So distances are derived from the roundings of tfjs (`../rounding.ts`).
 */
import type { losses } from "../../train/losses/index.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";

export type LossName = keyof typeof losses;
export type LossOptions<Name extends LossName> = NonNullable<Parameters<(typeof losses)[Name]>[0]>;

/** A term of an objective: its maker, and what the maker is given. */
export interface ChosenLoss {
  readonly loss: LossName;
  readonly options: LossOptions<LossName>;
}

/** The truth of a batch, as the data has it. */
export interface Truth {
  readonly images: number;
  /** A class for each image. */
  readonly labels: ArrayLike<number>;
  /** `[images][elements of the output]`, or null. */
  readonly targets: Float32Array | null;
  /** The weight of each image, or null where all count alike. */
  readonly weights: Float32Array | null;
  /** The share of the labels that all classes have alike. */
  readonly smoothing: number;
}

/** A term calculates with this. */
export interface LossGiven<Name extends LossName> {
  readonly tf: TensorFlow;
  readonly options: LossOptions<Name>;
  readonly truth: Truth;
  /** The node that the network answers with. */
  readonly output: string;
  /** The value of a node, `[images][...shape]`. */
  readonly value: (node: string) => Tensor;
  readonly parameter: (name: string) => Tensor;
  /** The numbers of a tensor that the term carries from step to step, before the step; empty where it carries none. */
  readonly state: (name: string) => Float32Array;
  /** The names of all trained kernels. */
  readonly kernels: readonly string[];
}

/** The nodes and parameters that a term has a gradient at. */
export interface Reads {
  readonly values: readonly string[];
  readonly parameters: readonly string[];
}

/** A small batch on which a check compares the term. */
export interface LossCase<Name extends LossName> {
  /** The words that tell the case from the term's others; none where it has one. */
  readonly title?: string;
  readonly options: LossOptions<Name>;
  readonly smoothing?: number;
  /** Targets that are distributions over the elements, or real numbers; none where absent. */
  readonly targets?: "shares" | "reals";
  /** True where images have weights of their own. */
  readonly isWeighted?: boolean;
}

/** Methods are declared as such, so that an entry can stand where the term is not known. */
export interface ReferenceLoss<Name extends LossName> {
  reads(given: Pick<LossGiven<Name>, "options" | "output" | "kernels">): Reads;
  /** The term's value, a scalar. */
  value(given: LossGiven<Name>): Tensor;
  /** The distance that ours may have from `value`. */
  distance(given: LossGiven<Name>, value: Tensor): Tensor;
  /** The distance that ours may have from `gradient`, which is that at a value or a parameter. */
  gradientDistance(given: LossGiven<Name>, gradient: Tensor): Tensor;
  /** Makes 1 for each right answer and 0 for each wrong one; null where answers are neither. */
  right(given: LossGiven<Name>): (() => Tensor) | null;
  readonly cases: readonly LossCase<Name>[];
}
