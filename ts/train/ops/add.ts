/** The sum of two values in the trainer. Nothing runs where the layer before it writes the sum (`fusions.ts`). */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { TrainOp } from "./op.ts";

export const add: TrainOp<"add"> = {
  plan: ({ name, inputs }, context) => {
    const size = elementsOf(context.shape(name));
    return {
      forward: (_mode, emit) => {
        if (context.fusions.done.has(name)) return;
        for (const lane of context.lanes) {
          const [a, b] = [context.value(inputs[0], lane), context.value(inputs[1], lane)];
          emit.lane(lane.index, k.add({ a, b, y: context.value(name, lane), count: size * lane.images }));
        }
      },
      backward: (_mode, _emit, sinks) => {
        for (const input of inputs) sinks.pass(name, input);
      },
    };
  },
  isSum: true,
};
