/**
 * An operation on tfjs: its value, and how far a correct result of ours may be from it. Distances are derived from the
 * roundings of both sides (`../rounding.ts`), element by element. The magnitudes that a bound needs, such as
 * sum |x_i w_i|, are calculated by the same operation over magnitudes.
 */
import type { NodeOf, OpName, Overflow, Shape } from "../../nn/graph.ts";
import type { Ops } from "../../nn/ops/index.ts";
import type { Arity } from "../../nn/ops/op.ts";
import type { Case, Operands } from "../cases.ts";
import type { Near } from "../maps.ts";
import type { PackedFactors } from "../quantized-weights.ts";
import type { Tensor, TensorFlow } from "../tensorflow.ts";

/** A pass over the network. `evaluate` takes the sign at every quantizer, and the running statistics. */
export interface Pass {
  readonly kind: "train" | "evaluate";
  /** Share of the run that is done, in [0, 1]. */
  readonly progress: number;
  /** The number of the update, from 1, and the seed of the run's random numbers. */
  readonly update: number;
  readonly seed: number;
}

/** A node calculates with this, beside its inputs. */
export interface Site {
  readonly pass: Pass;
  /** The node's parameters, by their keys. */
  readonly parameter: (key: string) => Tensor;
  /** The shape of the first input, without the batch axis. */
  readonly inputShape: Shape;
  /** The factors of a packed file for the layer's weights, which are taken as they are then. */
  readonly packed?: PackedFactors | null;
  /** Mean and variance of each channel over the batch; `momentsOf` where absent. */
  readonly moments?: (x: Tensor) => Moments;
}

/** Mean, and mean squared distance from it, of each channel. */
export interface Moments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** A tensor `[images][...shape]` for each input. An operation without inputs is given the network's. */
type InputTensors<Name extends OpName> = {
  0: readonly [Tensor];
  1: readonly [Tensor];
  2: readonly [Tensor, Tensor];
  3: readonly [Tensor, Tensor, Tensor];
}[Ops[Name]["inputs"] & Arity];

/** A node that is applied to tensors. */
export interface Applied<Name extends OpName> {
  readonly tf: TensorFlow;
  readonly node: NodeOf<Name>;
  readonly inputs: InputTensors<Name>;
  readonly site: Site;
}

/** The key of a parameter, or the place of an input. */
export type At = string | number;

/** A gradient of a node on the way back. */
export interface GradientAt {
  /** The gradient at the node's value. */
  readonly dy: Tensor;
  readonly at: At;
  /** The gradient there, as tfjs derives it. */
  readonly gradient: Tensor;
}

/** Small networks in which a check runs the operation. `subjects.ts` puts them in order. */
export interface Cases {
  /** A product over operands of these kinds. */
  readonly operands?: (kinds: string, operands: Operands) => Case;
  /** Windows of several sizes, strides and borders. */
  readonly windows?: () => readonly Case[];
  /** Sums in 8 bits. */
  readonly accumulated?: (accumulator: Overflow) => readonly Case[];
  /** All other networks. */
  readonly alone?: () => readonly Case[];
}

/** Methods are declared as such, so that an entry can stand where the operation is not known. */
export interface ReferenceOp<Name extends OpName> {
  /** The value, which tfjs can differentiate. */
  value(given: Applied<Name>): Tensor;
  /**
   * The distance that ours may have from `value`; absent where it is none. Inputs are the same numbers on both sides, but
   * for a sum's first one whose batch norm we do not write by itself; `inputs` has that distance.
   */
  distance?(given: Applied<Name>, value: Tensor, inputs: readonly Near[]): Tensor;
  /** The distance that ours may have from a gradient; absent where it is none. */
  gradientDistance?(given: Applied<Name>, gradient: GradientAt): Tensor;
  /** The number of decisions within the operation that rounding may carry to the other side; absent where there are none. */
  ties?(given: Applied<Name>): Tensor;
  /** True where sums are whole numbers that nothing rounds, so that only equality will do. */
  isExact?(node: NodeOf<Name>, pass: Pass): boolean;
  /** The words for what bars a gradient on the backend in use; null where nothing does. */
  lacks?(tf: TensorFlow, at: At): string | null;
  /** The running statistics after a step of training, by their keys; `site.parameter` has those before. */
  statistics?(given: Applied<Name>): Readonly<Record<string, Near>>;
  readonly cases: Cases;
}
