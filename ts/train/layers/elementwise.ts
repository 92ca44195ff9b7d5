/**
 * Layers without parameters in the trainer: pools, activations, sums. Flatten needs no plan: it is the same memory.
 */

import type { NodeOf } from "../../nn/graph.ts";
import { elementsOf } from "../../nn/shapes.ts";
import { ACTIVATION_NUMBERS } from "../../runtime/activations.ts";
import type { ConvShape } from "../../runtime/conv-shape.ts";
import type { Lane, LayerPlan, PlanContext } from "../context.ts";

/** Max-pooling; the place of the first maximum in each window is kept for the way back. */
export function planMaxPool(
  node: NodeOf<"maxPool2d">,
  shape: (lane: Lane) => ConvShape,
  context: PlanContext,
): LayerPlan {
  const { name } = node;
  const input = node.inputs[0];
  const outputSize = elementsOf(context.shapes.get(name) as readonly number[]);
  const descriptors = context.lanes.map((lane) => context.descriptor(shape(lane)));
  const places = context.declare((lane) => lane.images * outputSize);
  const at = (lane: Lane): [number, number] => [descriptors[lane.index] as number, places(lane)];
  return {
    forward: (_mode, builder) => {
      for (const lane of context.lanes) {
        const [descriptor, place] = at(lane);
        const [x, y] = [context.value(input, lane), context.value(name, lane)];
        builder.lane(lane.index, name, "max_pool", descriptor, x, y, place);
      }
    },
    backward: (_mode, builder, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const [descriptor, place] = at(lane);
        const args = [descriptor, sinks.gradient(name, lane), place, Number(accumulate), dx];
        builder.lane(lane.index, name, "max_pool_backward", ...args);
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
  const descriptors = context.lanes.map((lane) => context.descriptor(shape(lane)));
  return {
    forward: (_mode, builder) => {
      for (const lane of context.lanes) {
        const args = [descriptors[lane.index] as number, context.value(input, lane), context.value(name, lane)];
        builder.lane(lane.index, name, "avg_pool", ...args);
      }
    },
    backward: (_mode, builder, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const args = [descriptors[lane.index] as number, sinks.gradient(name, lane), Number(accumulate), dx];
        builder.lane(lane.index, name, "avg_pool_backward", ...args);
      });
    },
  };
}

/** ReLU and hard tanh. */
export function planActivation(node: NodeOf<"activation">, context: PlanContext): LayerPlan {
  const { name, attributes } = node;
  const input = node.inputs[0];
  const kind = ACTIVATION_NUMBERS[attributes.activation];
  const size = elementsOf(context.shapes.get(name) as readonly number[]);
  return {
    forward: (_mode, builder) => {
      for (const lane of context.lanes) {
        const args = [kind, context.value(input, lane), context.value(name, lane), size * lane.images];
        builder.lane(lane.index, name, "activation_forward", ...args);
      }
    },
    backward: (_mode, builder, sinks) => {
      sinks.into(name, input, (lane, dx, accumulate) => {
        const args = [context.value(input, lane), sinks.gradient(name, lane), Number(accumulate), dx];
        builder.lane(lane.index, name, "activation_backward", kind, ...args, size * lane.images);
      });
    },
  };
}

/** The sum of two values of the same shape; nothing to do where the batch norm before it writes the sum. */
export function planAdd(node: NodeOf<"add">, context: PlanContext): LayerPlan {
  const { name } = node;
  const size = elementsOf(context.shapes.get(name) as readonly number[]);
  return {
    forward: (_mode, builder) => {
      if (context.fusions.done.has(name)) return;
      for (const lane of context.lanes) {
        const [a, b] = node.inputs.map((input) => context.value(input, lane)) as [number, number];
        builder.lane(lane.index, name, "add", a, b, context.value(name, lane), size * lane.images);
      }
    },
    backward: (_mode, _builder, sinks) => {
      for (const input of node.inputs) sinks.pass(name, input);
    },
  };
}
