/**
 * An operation in the trainer: the work that its layers do in each part of a step. There is one file an operation, under
 * the name that it has in `ts/nn/ops`.
 */
import type { NodeOf, OpName } from "../../nn/graph.ts";
import type { Shape } from "../../nn/shapes.ts";
import type { Obstacle } from "../../obstacles.ts";
import type { LayerPlan, Live, PlanContext } from "../plan/context.ts";

/** Methods are declared as such, so that an operation can stand where its name is not known. */
export interface TrainOp<Name extends OpName> {
  /** Plans a layer: asks for its memory, and tells its calls. */
  plan(node: NodeOf<Name>, context: PlanContext): LayerPlan;
  /** The numbers of a layer that change from step to step. */
  readonly live?: LiveNumbers<Name>;
  /** Reasons of its own, over inputs of such shapes, why it is not on the fast path. */
  obstacles?(node: NodeOf<Name>, inputs: readonly Shape[]): readonly Obstacle[];
  /** Work of the layers behind it that the operation's pass over memory does on the way (`fusions.ts`). */
  readonly takes?: { readonly sum?: true; readonly signs?: true };
  /** Its statistics are over the rows of all examples of a batch, of which there must be two. */
  readonly isOverBatch?: true;
  /** The value is the sum of its two inputs, which an operation that takes sums may write. */
  readonly isSum?: true;
}

export interface LiveNumbers<Name extends OpName> {
  readonly count: number;
  /** The numbers as they stand at `live`; as many as `count` says. */
  numbers(node: NodeOf<Name>, live: Live): readonly number[];
}
