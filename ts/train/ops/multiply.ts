/** The product of two values in the trainer. The gradient at each is that of the product times the other one. */
import { elementsOf } from "../../nn/shapes.ts";
import { k } from "../../program/call.ts";
import type { TrainOp } from "./op.ts";

export const multiply: TrainOp<"multiply"> = {
  plan: ({ name, inputs }, context) => {
    const [first, second] = inputs;
    const size = elementsOf(context.shape(name));
    return {
      forward: (_mode, emit) => {
        for (const lane of context.lanes) {
          const [a, b] = [context.value(first, lane), context.value(second, lane)];
          emit.lane(lane.index, k.multiplyForward({ a, b, y: context.value(name, lane), count: size * lane.images }));
        }
      },
      backward: (_mode, emit, sinks) => {
        for (const [place, input] of inputs.entries()) {
          if (!sinks.wanted(input)) continue;
          sinks.into(name, input, (lane, dx, accumulate) => {
            const from = { dy: sinks.gradient(name, lane), other: context.value(place === 0 ? second : first, lane) };
            emit.input.lane(lane.index, k.multiplyBackward({ ...from, accumulate, dx, count: size * lane.images }));
          });
        }
      },
    };
  },
};
