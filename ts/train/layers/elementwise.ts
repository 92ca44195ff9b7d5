/**
 * Layers without parameters in the trainer: pools, activations, sums. Flatten needs no plan: it is the same memory.
 */

import type { NodeOf } from "../../nn/graph.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { ConvShape } from "../../program/kernels.ts";
import type { Place } from "../../program/place.ts";
import { type ElementwiseFunction, functions, mapArguments } from "../../quantizers/functions.ts";
import type { Lane, LayerPlan, PlanContext } from "../context.ts";

/** A node of one input, whatever its operation. */
interface OneInput {
  readonly name: string;
  readonly inputs: readonly [string];
}

/** Max-pooling; the place of the first maximum in each window is kept for the way back. */
export function planMaxPool(
  node: NodeOf<"maxPool2d">,
  shape: (lane: Lane) => ConvShape,
  context: PlanContext,
): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const outputSize = elementsOf(context.shapes.get(name) as readonly number[]);
  const descriptors = context.lanes.map((lane) => context.memory.descriptor(shape(lane)));
  const places = context.memory.declare((lane) => lane.images * outputSize);
  const windows = (lane: Lane) => ({ shape: descriptors[lane.index] as Place, argmax: places(lane) });
  return {
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        emit.lane(lane.index, k.maxPool({ ...windows(lane), x, y }));
      }
    },
    backward: (_mode, emit, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const dy = sinks.gradient(name, lane);
        emit.input.lane(lane.index, k.maxPoolBackward({ ...windows(lane), dy, accumulate, dx }));
      });
    },
  };
}

/** Average pooling, over windows or over the whole image. */
export function planAvgPool(
  node: NodeOf<"avgPool2d" | "globalAvgPool2d">,
  shape: (lane: Lane) => ConvShape,
  context: PlanContext,
): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const descriptors = context.lanes.map((lane) => context.memory.descriptor(shape(lane)));
  return {
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        emit.lane(lane.index, k.avgPool({ shape: descriptors[lane.index] as Place, x, y }));
      }
    },
    backward: (_mode, emit, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const windows = { shape: descriptors[lane.index] as Place, dy: sinks.gradient(name, lane) };
        emit.input.lane(lane.index, k.avgPoolBackward({ ...windows, accumulate, dx }));
      });
    },
  };
}

export function planActivation(node: NodeOf<"activation">, context: PlanContext): LayerPlan {
  return planFunction(functions[node.attributes.activation], node, context);
}

/** A function of each number by itself. */
function planFunction(given: ElementwiseFunction, { name, inputs }: OneInput, context: PlanContext): LayerPlan {
  const [input] = inputs;
  const { forward, backward } = mapArguments(given, (values) => context.memory.constant(values));
  const size = elementsOf(context.shapes.get(name) as readonly number[]);
  return {
    forward: (_mode, emit) => {
      for (const lane of context.lanes) {
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        emit.lane(lane.index, k.quantizeForward({ ...forward, x, y, count: size * lane.images }));
      }
    },
    backward: (_mode, emit, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const operands = { ...backward, x: context.value(input, lane), dy: sinks.gradient(name, lane) };
        emit.input.lane(lane.index, k.quantizeBackward({ ...operands, accumulate, dx, count: size * lane.images }));
      });
    },
  };
}

/** The sum of two values of the same shape; nothing to do where the batch norm before it writes the sum. */
export function planAdd(node: NodeOf<"add">, context: PlanContext): LayerPlan {
  const { name } = node;
  const size = elementsOf(context.shapes.get(name) as readonly number[]);
  return {
    forward: (_mode, emit) => {
      if (context.fusions.done.has(name)) return;
      for (const lane of context.lanes) {
        const [a, b] = [context.value(node.inputs[0], lane), context.value(node.inputs[1], lane)];
        emit.lane(lane.index, k.add({ a, b, y: context.value(name, lane), count: size * lane.images }));
      }
    },
    backward: (_mode, _emit, sinks) => {
      for (const input of node.inputs) sinks.pass(name, input);
    },
  };
}
