/**
 * An operation and its gradient, written down from its definition in plain f64 loops: slow, free of every trick of the
 * core, and of every line of the trainer. Values are `[images][...shape]`, channels innermost.
 */
import type { NodeOf, OpName } from "../../../ts/nn/graph.ts";
import type { Ops } from "../../../ts/nn/ops/index.ts";
import type { Arity } from "../../../ts/nn/ops/op.ts";
import type { Margin, Moments, Value } from "../layers.ts";

/**
 * `train`: soft quantizers as `progress` says, batch statistics. `estimate`: hard, batch statistics. `evaluate`: hard,
 * running statistics.
 */
export type Phase = "train" | "estimate" | "evaluate";

/** A pass over a network. */
export interface Pass {
  readonly phase: Phase;
  /** Share of the run that is done, in [0, 1]. */
  readonly progress: number;
  /** The number of the update, from 1, and the seed of the run's random numbers. */
  readonly update: number;
  readonly seed: number;
  /** True where quantizers stand as `progress` says; else they are hard. */
  readonly soft: boolean;
  /** Learns how close the pass came to a jump. */
  readonly margin: Margin;
}

/** One for each input. An operation without inputs is given the network's. */
type ByInput<Name extends OpName, Each> = {
  0: readonly [Each];
  1: readonly [Each];
  2: readonly [Each, Each];
  3: readonly [Each, Each, Each];
}[Ops[Name]["inputs"] & Arity];

/** A node in its place. */
export interface Placed<Name extends OpName> {
  readonly node: NodeOf<Name>;
  /** The node's parameters, by their keys. */
  readonly parameter: (key: string) => Float64Array;
  readonly pass: Pass;
}

/** A node that is applied to values. */
export interface Applied<Name extends OpName> extends Placed<Name> {
  readonly inputs: ByInput<Name, Value>;
}

/** The gradients at the inputs, and at the trained parameters by their keys. */
export interface Gradients<Name extends OpName> {
  readonly inputs: ByInput<Name, Float64Array>;
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

/** Methods are declared as such, so that an entry can stand where the operation is not known. */
export interface OracleOp<Name extends OpName> {
  forward(given: Applied<Name>): Value;
  /** The gradients for the gradient `dy` at the value. */
  backward(given: Applied<Name>, dy: Value): Gradients<Name>;
  /** The statistics that the value is made with, of an operation that keeps running ones. */
  moments?(given: Applied<Name>): Moments;
  /** The running statistics after a step with such moments, by their keys. */
  statistics?(given: Placed<Name>, moments: Moments): Readonly<Record<string, Float64Array>>;
}
