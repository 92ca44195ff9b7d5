/**
 * Where the trained state lies: one block of values (what a checkpoint would hold, in `parametersOf` order, without
 * gaps), a second block with the values of the step before (the last good weights, should a step fail), and per trained
 * parameter the optimizer's own state.
 */
import type { Parameter } from "../nn/graph.ts";
import { elementsOf } from "../nn/shapes.ts";
import { createArena } from "../runtime/arena.ts";
import type { Range } from "../runtime/program.ts";
import { type Optimizer, optimizerFor, type ParameterOptimizer } from "./optimizers.ts";
import { updateOf } from "./updates.ts";

export interface TrainedTensor {
  readonly parameter: Parameter;
  /** Elements. */
  readonly size: number;
  /** Address of the value. */
  readonly value: number;
  /** What updates it; null for statistics. */
  readonly optimizer: ParameterOptimizer | null;
  /** Addresses of the optimizer's state, each as large as the value; empty for statistics. */
  readonly slots: readonly number[];
}

export interface ParameterLayout {
  readonly tensors: ReadonlyMap<string, TrainedTensor>;
  readonly values: Range;
  readonly previous: Range;
  readonly slots: Range;
  /** One past the last byte. */
  readonly end: number;
}

/** Floats of a parameter that one task works on. */
export const CHUNK = 16384;

/** Lays out `parameters` from `base` on, each with the state that its part of `optimizer` keeps. */
export function layoutParameters(
  parameters: readonly Parameter[],
  optimizer: Optimizer,
  base: number,
): ParameterLayout {
  const floats = parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
  const arena = createArena(base);
  const values = { address: arena.allocate(4 * floats), bytes: 4 * floats };
  const previous = { address: arena.allocate(4 * floats), bytes: 4 * floats };
  const slotsStart = arena.end();
  const tensors = new Map<string, TrainedTensor>();
  let value = values.address;
  for (const parameter of parameters) {
    const size = elementsOf(parameter.shape);
    const own = parameter.role === "statistic" ? null : optimizerFor(optimizer, parameter.role);
    const slots = own === null ? [] : updateOf(own).slots.map(() => arena.allocate(4 * size));
    tensors.set(parameter.name, { parameter, size, value, optimizer: own, slots });
    value += 4 * size;
  }
  const end = arena.end();
  return { tensors, values, previous, slots: { address: slotsStart, bytes: end - slotsStart }, end };
}
