/**
 * Where the trained state lies: one block of values (what a checkpoint would hold, in `parametersOf` order, without
 * gaps), a second block with the values of the step before (the last good weights, should a step fail), and per trained
 * parameter the optimizer's own state. Behind that stands the state of the loss's terms.
 */

import type { Parameter } from "../../nn/graph.ts";
import { isTrained } from "../../nn/parameters.ts";
import { elementsOf, type Shape } from "../../nn/shapes.ts";
import { createArena } from "../../program/arena.ts";
import { at, type Place } from "../../program/place.ts";
import { createSegment, type Segment } from "../../program/segment.ts";
import { type Optimizer, optimizerFor, type ParameterOptimizer, partFor } from "../optimizers/optimizers.ts";
import { updateOf } from "../optimizers/updates.ts";

export interface TrainedTensor {
  readonly parameter: Parameter;
  /** Elements. */
  readonly size: number;
  /** The value, in the block of values. */
  readonly value: Place;
  /** The optimizer that updates it; null for statistics and what is frozen. */
  readonly optimizer: ParameterOptimizer | null;
  /** The part of the network's optimizer that this is: parameters of one part have one norm of gradients. */
  readonly part: "binary" | "rest";
  /** The optimizer's state, each as large as the value; empty where nothing does. */
  readonly slots: readonly Place[];
}

/** A tensor that a term of the loss carries from step to step, in the block of the optimizer's state. */
export interface StateTensor {
  /** `TERM/TENSOR`. */
  readonly name: string;
  readonly shape: Shape;
  readonly place: Place;
}

export interface ParameterLayout {
  readonly tensors: ReadonlyMap<string, TrainedTensor>;
  /** By their names. */
  readonly states: ReadonlyMap<string, StateTensor>;
  /** The blocks, each a buffer from its beginning on. */
  readonly values: Place;
  readonly previous: Place;
  readonly slots: Place;
  readonly segment: Segment;
}

/** Floats of a parameter that one job works on. */
export const CHUNK = 16384;

/** Lays out `parameters`, each with the state that its part of `optimizer` keeps, and the state of the loss's terms. */
export function layoutParameters(
  parameters: readonly Parameter[],
  optimizer: Optimizer,
  terms: readonly Omit<StateTensor, "place">[] = [],
): ParameterLayout {
  const floats = parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
  const segment = createSegment();
  const [values, previous] = [segment.allocate(4 * floats), segment.allocate(4 * floats)];
  const state = createArena(0);
  let offset = 0;
  const found = parameters.map((parameter) => {
    const size = elementsOf(parameter.shape);
    const own = isTrained(parameter) ? optimizerFor(optimizer, parameter) : null;
    const offsets = own === null ? [] : updateOf(own).slots.map(() => state.allocate(4 * size));
    offset += 4 * size;
    const part = partFor(optimizer, parameter);
    return { parameter, size, value: at(values, offset - 4 * size), optimizer: own, part, offsets };
  });
  const kept = terms.map((tensor) => ({ ...tensor, offset: state.allocate(4 * elementsOf(tensor.shape)) }));
  const slots = segment.allocate(state.end());
  const states = kept.map(({ offset: start, ...tensor }): [string, StateTensor] => [
    tensor.name,
    { ...tensor, place: at(slots, start) },
  ]);
  const tensors = found.map(({ offsets, ...tensor }): [string, TrainedTensor] => [
    tensor.parameter.name,
    { ...tensor, slots: offsets.map((start) => at(slots, start)) },
  ]);
  return { tensors: new Map(tensors), states: new Map(states), values, previous, slots, segment };
}
